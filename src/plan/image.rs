//! `manifest`: what a registry says of an image.

use super::finding::Finding;
use super::frame::{Frame, shown};
use super::target::object;
use crate::azure::image::{is_digest, is_repository, is_tag};
use crate::azure::{ResourceId, registry};
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::recipe::{Lookup, ManifestLookup};
use crate::value::Value;

impl Frame<'_, '_> {
    /// `{digest}`, or `{refused}` with the reason; null when the registry does not have it, or what to ask
    /// for is null.
    pub(super) fn manifest(&self, manifest: &ManifestLookup) -> Value {
        let registry = self.expression(&manifest.registry);
        let repository = self.expression(&manifest.repository);
        let reference = self.expression(&manifest.reference);
        if let Some(unknown) = [&registry, &repository, &reference].into_iter().find(|one| one.is_unknown()) {
            return unknown.clone();
        }
        // They stand in URLs.
        let hidden = [(&repository, &manifest.repository), (&reference, &manifest.reference)]
            .into_iter()
            .any(|(value, place)| self.hides(value.marks, place.span, "the name of an image"));
        if hidden {
            return Value::null();
        }
        let (Some(repository), Some(reference)) = (repository.as_str(), reference.as_str()) else {
            return Value::null();
        };
        match self.askable(&registry, repository, reference) {
            Ok(registry) => self.engine.asked.value(&Read::manifest(&registry, repository, reference)),
            Err(reason) => object([("refused", Value::from(reason))]),
        }
    }

    /// The registry's id, when it may be asked: its login server must be the host that its name gives in
    /// this cloud, because tokens go to no other.
    pub(super) fn askable(
        &self,
        registry: &Value,
        repository: &str,
        reference: &str,
    ) -> Result<ResourceId, String> {
        if !is_repository(repository) || !(is_tag(reference) || is_digest(reference)) {
            return Err(format!("{repository} and {reference} do not name an image"));
        }
        let id = registry.text_at(&["id"]).and_then(ResourceId::parse);
        let id = id.ok_or("the registry's id is not told")?;
        let suffixes = &self.engine.request.target.cloud.suffixes;
        let suffix = suffixes.iter().find(|(name, _)| name == "acr").map_or("", |(_, suffix)| suffix);
        let expected = registry::server(suffix, id.name());
        let expected = expected.ok_or_else(|| format!("{} is no name of a registry", id.name()))?;
        match registry.text_at(&["properties", "loginServer"]) {
            Some(server) if server.eq_ignore_ascii_case(&expected) => Ok(id),
            Some(server) => Err(format!("its login server is {server}, and tokens go to {expected} only")),
            None => Err("the registry tells no login server".to_owned()),
        }
    }

    /// Whether an image that must be there is in its registry. `None`: it cannot be asked, and the recipe says
    /// what that means.
    pub(super) fn image(&self, lookup: &Lookup, manifest: &ManifestLookup) -> Option<Finding> {
        let value = self.found(lookup);
        let text = |expression| shown(&self.expression(expression)).unwrap_or_default();
        let (repository, reference) = (text(&manifest.repository), text(&manifest.reference));
        let joint = if reference.contains(':') { '@' } else { ':' };
        let name = format!("image {repository}{joint}{reference}");
        if let Some(digest) = value.text_at(&["digest"]) {
            return Some(Finding::passed(codes::IMAGE, name).detail(digest));
        }
        if !value.is_null() {
            return None;
        }
        let registry = self.expression(&manifest.registry);
        let id = registry.text_at(&["id"]).and_then(ResourceId::parse)?;
        let code = match self.engine.asked.ask(&Read::manifest(&id, &repository, &reference)) {
            Some(Fact::Absent { code }) => code.as_str(),
            _ => "",
        };
        let detail = match code {
            "NAME_UNKNOWN" => format!("{} has no repository {repository} ({code})", id.name()),
            _ => format!("the repository {repository} of {} has no {reference} ({code})", id.name()),
        };
        let finding = Finding::failed(codes::IMAGE, name).detail(detail);
        let finding = match self.text(lookup.fix.as_ref()) {
            Some(fix) => finding.fix(fix),
            None => finding,
        };
        Some(match &lookup.docs {
            Some(docs) => finding.docs(docs.clone()),
            None => finding,
        })
    }
}

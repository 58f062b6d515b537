//! `resource` steps under the facts at hand: which resource each is about, by its name or by what is in it.

use super::frame::{Frame, step_origins};
use super::stepping::refusal;
use crate::azure::ResourceId;
use crate::azure::types::{self, ResourceType};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Read;
use crate::merge::equal;
use crate::recipe::{ResourceStep, Step};
use crate::steps::{self, Outcome, Wanted};
use crate::value::{Origin, Path, Value};

impl Frame<'_, '_> {
    /// The outcome of a resource step, and the values that it stands or falls with.
    pub(super) fn resource(
        &self,
        step: &Step,
        key: &str,
        resource: &ResourceStep,
    ) -> (Option<Outcome>, Vec<Value>) {
        let body = self.tree(&resource.body);
        let name = self.expression(&resource.name);
        let base = resource.parent.as_ref().or(resource.scope.as_ref());
        let above = base.map(|above| self.expression(above));
        // An id stands in URLs and logs.
        let mut hidden = self.hides(name.marks, resource.name.span, "the name of a resource");
        if let (Some(base), Some(above)) = (base, &above) {
            let marks = above.get("id").map_or(above.marks, |id| id.marks);
            hidden |= self.hides(marks, base.span, "part of the id of a resource");
        }
        if hidden {
            return (None, Vec::new());
        }
        let mut uses: Vec<Value> = [body.clone(), name.clone()].into_iter().chain(above.clone()).collect();
        let Some(kind) = types::find(&resource.kind.kind) else {
            let message = format!("resources of the type {} are not written", resource.kind.kind);
            self.engine.problem(Diagnostic::error(codes::UNKNOWN_TYPE, message).label(
                &self.recipe().source,
                resource.kind.span,
                "",
            ));
            return (None, uses);
        };
        let above = match &above {
            Some(above) => above.as_str().or_else(|| above.text_at(&["id"])).and_then(ResourceId::parse),
            None => Some(self.engine.request.target.group_id()),
        };
        let Some(above) = above else { return (None, uses) };
        let id = name.as_str().and_then(|name| above.resource(kind.name, name));
        if let (Some(text), None) = (name.as_str(), &id) {
            self.no_such_place(step, kind, &above, text);
            return (None, uses);
        }
        let mut wanted = Wanted { id, above: Some(above), matched: None, live: Value::null(), body };
        if !resource.matches.is_empty() {
            wanted.matched = Some(name.property().unwrap_or(key).to_owned());
            wanted = match self.matched(resource, kind, wanted) {
                Ok(wanted) => wanted,
                Err(refused) => {
                    uses.push(refused);
                    return (None, uses);
                }
            };
        } else if let Some(id) = &wanted.id {
            wanted.live = self.engine.asked.value(&self.read_one(resource, kind, id));
        } else {
            return (None, uses);
        }
        // What cannot be read is not known to be as it is wanted.
        if refusal(&wanted.live).is_some() {
            uses.push(wanted.live);
            return (None, uses);
        }
        if self.somebody_elses(step, kind, &wanted) {
            return (None, uses);
        }
        (self.merged(step, steps::resource(kind, key, wanted)), uses)
    }

    /// Whether what is there gives rights to another principal than the recipe names; that is reported. It is
    /// not changed: neither whom it lets in, nor what they may do.
    fn somebody_elses(&self, step: &Step, kind: &ResourceType, wanted: &Wanted) -> bool {
        if kind.principal.is_empty() {
            return false;
        }
        let path = Path::members(kind.principal);
        let null = Value::null();
        let live = steps::value_at(&wanted.live, &path).unwrap_or(&null);
        let own = steps::value_at(&wanted.body, &path).unwrap_or(&null);
        // Of what is still being read, another round tells.
        let waits = |value: &Value| value.is_unknown() && step_origins(value).is_empty();
        if live.is_null() || waits(live) || waits(own) || equal(kind, &path, live, own) {
            return false;
        }
        let name = wanted.live.text_at(&["name"]).unwrap_or_default();
        let message = format!("the {} {name} gives rights to another principal", kind.noun);
        self.engine.problem(
            Diagnostic::error(codes::FORBIDDEN_TYPE, message)
                .note(format!("its {} is not the one that the recipe names", kind.principal))
                .fix("give it another name")
                .label(&self.recipe().source, step.span, ""),
        );
        true
    }

    /// The resource that is equal to the body on the paths of `match`; else the one under its name.
    ///
    /// # Errors
    /// The list that cannot be read: then nobody knows whether it is there, which is not the same as absent.
    fn matched(&self, resource: &ResourceStep, kind: &ResourceType, wanted: Wanted) -> Result<Wanted, Value> {
        let paths: Vec<Path> = resource.matches.iter().map(|path| Path::members(&path.value)).collect();
        let values = || paths.iter().filter_map(|path| steps::wanted_at(&wanted.body, path));
        // What only a write will tell is in nothing that is there.
        if values().any(|value| !step_origins(value).is_empty()) {
            let live =
                wanted.id.as_ref().map(|id| self.engine.asked.value(&self.read_one(resource, kind, id)));
            return Ok(Wanted { live: live.unwrap_or_else(Value::null), ..wanted });
        }
        let version = self.engine.version_of(&resource.kind);
        let collection = wanted.above.as_ref().and_then(|above| above.collection(kind.name));
        let list = collection.map(|path| self.engine.asked.value(&Read::many(&path, kind.name, &version)));
        let list = list.unwrap_or_else(Value::null);
        if refusal(&list).is_some() {
            return Err(list);
        }
        if list.is_unknown() || values().any(Value::is_unknown) {
            return Ok(Wanted { live: Value::unknown(Origin::Read), ..wanted });
        }
        let all = list.as_list().unwrap_or_default();
        if let Some((live, body)) = steps::matching(kind, all, &paths, &wanted.body) {
            let found = live.text_at(&["id"]).and_then(ResourceId::parse);
            return Ok(Wanted { live, body, id: found.or(wanted.id), ..wanted });
        }
        let named = |one: &&Value| {
            let name = one.text_at(&["name"]);
            let own = wanted.id.as_ref().map(ResourceId::name);
            own.is_some_and(|own| name.is_some_and(|name| name.eq_ignore_ascii_case(own)))
        };
        let live = all.iter().find(named).cloned().unwrap_or_else(Value::null);
        Ok(Wanted { live, ..wanted })
    }

    fn read_one(&self, resource: &ResourceStep, kind: &ResourceType, id: &ResourceId) -> Read {
        Read::one(id, kind.name, &self.engine.version_of(&resource.kind))
    }

    fn no_such_place(&self, step: &Step, kind: &ResourceType, above: &ResourceId, name: &str) {
        let message = format!("`{name}` is no name of a {} in {}", kind.noun, above.name());
        self.engine.problem(
            Diagnostic::error(codes::DOES_NOT_FIT, message)
                .note(format!(
                    "its type is {}: a name has a part for each type below what it is in",
                    kind.name
                ))
                .label(&self.recipe().source, step.span, ""),
        );
    }
}

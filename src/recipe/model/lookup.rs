//! What a recipe reads: the kinds of lookup.

use super::{Expr, Id, ResourceType, Spanned};
use crate::azure::dns::RecordType;
use crate::diagnostic::Span;
use crate::expression::Tree;

/// What is read, and must be there unless it is optional.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Its name: a root of expressions.
    pub id: Id,
    /// What it reads.
    pub kind: LookupKind,
    /// Null instead of an error when it is not there.
    pub optional: bool,
    /// Only when this holds, else null; known at plan.
    pub when: Option<Expr>,
    /// Once for each member or element; known at plan.
    pub for_each: Option<Expr>,
    /// Steps that must have run before it can be read.
    pub after: Vec<Spanned<String>>,
    /// The command that makes it.
    pub fix: Option<Expr>,
    /// A documentation page.
    pub docs: Option<String>,
    /// The whole entry.
    pub span: Span,
}

impl Lookup {
    /// The resource that it reads, if that is what it reads.
    pub fn resource(&self) -> Option<&ResourceLookup> {
        match &self.kind {
            LookupKind::Resource(resource) => Some(resource),
            LookupKind::Manifest(_)
            | LookupKind::Requirements(_)
            | LookupKind::Dockerfile(_)
            | LookupKind::Action(_)
            | LookupKind::Certificate(_)
            | LookupKind::Dns(_) => None,
        }
    }

    /// Whether it is `{refused}`, with the reason, when it may not be asked: then all else of it is as unknown as
    /// what may not be read.
    pub fn tells_refusal(&self) -> bool {
        matches!(self.kind, LookupKind::Action(_))
    }
}

/// The kinds of lookup.
#[derive(Clone, Debug)]
pub enum LookupKind {
    /// A resource, or a list of them.
    Resource(ResourceLookup),
    /// An image in a registry.
    Manifest(ManifestLookup),
    /// What a local Python project installs. Larger than the others.
    Requirements(Box<RequirementsLookup>),
    /// What a local Dockerfile says.
    Dockerfile(Box<DockerfileLookup>),
    /// What the file of a certificate says.
    Certificate(CertificateLookup),
    /// What a POST that only reads answers.
    Action(Box<ActionLookup>),
    /// What the domain name system says of a name.
    Dns(DnsLookup),
}

/// A question to the domain name system: `{name, records, owner}`, or `{name, refused}` with the reason when it cannot
/// be asked.
#[derive(Clone, Debug)]
pub struct DnsLookup {
    /// The name.
    pub name: Expr,
    /// The type of records.
    pub kind: RecordType,
    /// Whether each name above is asked until some have records.
    pub climb: bool,
}

/// A resource, or a list of them.
#[derive(Clone, Debug)]
pub struct ResourceLookup {
    /// What type of resource.
    pub kind: Spanned<ResourceType>,
    /// Its name, host name or full resource id; `None` only for a list.
    pub name: Option<Expr>,
    /// The resource it is a child of: its id, or the resource itself.
    pub parent: Option<Expr>,
    /// The resource it extends: its id, or the resource itself.
    pub scope: Option<Expr>,
    /// The group to look in; without it the target's.
    pub resource_group: Option<Expr>,
    /// Where to look for a bare name.
    pub search: Search,
    /// The collection instead of one element.
    pub list: bool,
}

/// The file of a certificate, read and judged.
#[derive(Clone, Debug)]
pub struct CertificateLookup {
    /// Its content: PEM, or a PFX in base64.
    pub file: Expr,
    /// The password of a PFX.
    pub password: Option<Expr>,
    /// The host name that it is to be for.
    pub host: Option<Expr>,
}

/// What a POST that only reads answers, or `{refused}` with the reason when it may not be asked.
#[derive(Clone, Debug)]
pub struct ActionLookup {
    /// The resource that is asked: its id, or the resource itself.
    pub resource: Expr,
    /// The action in ARM's words (`listCustomHostNameAnalysis`).
    pub name: Spanned<String>,
    /// Parameters of the query.
    pub query: Option<Tree>,
    /// What is sent.
    pub body: Option<Tree>,
}

/// An image in a registry: `{digest}`, or `{refused}` with the reason when the registry cannot be asked.
#[derive(Clone, Debug)]
pub struct ManifestLookup {
    /// The registry, as another lookup read it.
    pub registry: Expr,
    /// The repository.
    pub repository: Expr,
    /// The tag or digest.
    pub reference: Expr,
}

/// What a local Python project installs, and what its native packages need of the system.
#[derive(Clone, Debug)]
pub struct RequirementsLookup {
    /// The folder that everything lies beneath.
    pub context: Expr,
    /// The requirements file or project file in it.
    pub file: Expr,
    /// The table of native packages.
    pub packages: Expr,
    /// Optional groups of a project file.
    pub groups: Option<Expr>,
    /// The Dockerfile in the folder.
    pub dockerfile: Option<Expr>,
    /// The version of Python; without it the one of the base image.
    pub python: Option<Expr>,
    /// What the image is built for; without it `linux/amd64`.
    pub platform: Option<Expr>,
}

impl RequirementsLookup {
    /// Every expression of it, in the order of the grammar.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let optional = [&self.groups, &self.dockerfile, &self.python, &self.platform];
        [&self.context, &self.file, &self.packages].into_iter().chain(optional.into_iter().flatten())
    }
}

/// What a local Dockerfile says, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct DockerfileLookup {
    /// The build context.
    pub context: Expr,
    /// The Dockerfile, as a path in the context; without it `Dockerfile`.
    pub file: Option<Expr>,
    /// The port that requests come to.
    pub port: Option<Expr>,
    /// The path that probes ask for.
    pub health: Option<Expr>,
    /// The rules whose findings are left out.
    pub accept: Option<Expr>,
}

impl DockerfileLookup {
    /// Every expression of it, in the order of the grammar.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let optional = [&self.file, &self.port, &self.health, &self.accept];
        [&self.context].into_iter().chain(optional.into_iter().flatten())
    }
}

/// Where a resource is looked for when only its name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Search {
    /// In the resource group.
    #[default]
    Group,
    /// In the resource group, then in the whole subscription; a host name in all subscriptions of the
    /// tenant.
    Subscription,
}

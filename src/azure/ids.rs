//! ARM resource ids: compared without regard to case, shown as they came.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The id of a subscription, resource group, resource, child or extension resource, such as
/// `/subscriptions/…/resourceGroups/rg/providers/Microsoft.App/containerApps/web`.
///
/// ARM treats ids as case-insensitive and returns them in varying case (`resourcegroups`), so
/// equality, ordering and hashing ignore case.
#[derive(Clone, Debug)]
pub struct ResourceId(String);

/// A name as one segment of an id, whatever it is: a slash in it is escaped, and so is a name that means the segment
/// itself or the one above it. No resource has such a name, and no request for one is sent
/// ([`ArmRequest`](super::ArmRequest) takes no escape); what matters is that it never means another resource.
fn segment(name: &str) -> Cow<'_, str> {
    match name {
        "." | ".." => Cow::Owned(name.replace('.', "%2E")),
        _ if name.contains('/') => Cow::Owned(name.replace('/', "%2F")),
        _ => Cow::Borrowed(name),
    }
}

impl ResourceId {
    /// Parses an id. `None` unless it is a chain of `/name/value` pairs that starts with
    /// `/subscriptions/` or `/providers/` and has no empty, `.` or `..` segment, query or fragment.
    pub fn parse(text: &str) -> Option<ResourceId> {
        let text = text.trim_end_matches('/');
        let rest = text.strip_prefix('/')?;
        let segments: Vec<&str> = rest.split('/').collect();
        let first = segments.first()?;
        if !(first.eq_ignore_ascii_case("subscriptions") || first.eq_ignore_ascii_case("providers")) {
            return None;
        }
        let bad = |segment: &&str| {
            segment.is_empty()
                || *segment == "."
                || *segment == ".."
                || segment.contains(['?', '#', '\\', '%', '<', '>', '"'])
                || segment.chars().any(|c| c.is_control() || c.is_whitespace())
        };
        if segments.iter().any(bad) {
            return None;
        }
        let id = ResourceId(text.to_owned());
        id.well_formed().then_some(id)
    }

    /// The id of a subscription.
    pub fn subscription_id(subscription: &str) -> ResourceId {
        ResourceId(format!("/subscriptions/{}", segment(subscription)))
    }

    /// The id of a resource group.
    pub fn group(subscription: &str, group: &str) -> ResourceId {
        ResourceId(format!("/subscriptions/{}/resourceGroups/{}", segment(subscription), segment(group)))
    }

    /// The id of a top-level resource or extension resource below `self` (a group, subscription or
    /// resource): `kind` is `Namespace/type`.
    #[must_use]
    pub fn provider(&self, kind: &str, name: &str) -> ResourceId {
        ResourceId(format!("{}/providers/{kind}/{}", self.0, segment(name)))
    }

    /// The id of a child: `kind` is the last part of its type (`revisions`).
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> ResourceId {
        ResourceId(format!("{}/{kind}/{}", self.0, segment(name)))
    }

    /// The id of a resource of the type `kind` in `self`: a child, however deep, when `self` is of a type that
    /// `kind` begins with, else a resource of its own there. `name` has a part for each type (`default/data` for
    /// `…/blobServices/containers` below a storage account).
    pub fn resource(&self, kind: &str, name: &str) -> Option<ResourceId> {
        let (mut text, types) = self.towards(kind)?;
        let names: Vec<&str> = name.split('/').collect();
        if names.len() != types.len() {
            return None;
        }
        for (kind, name) in types.iter().zip(names) {
            text.extend(["/", kind, "/", name]);
        }
        ResourceId::parse(&text)
    }

    /// The path of the collection of all resources of the type `kind` in `self`. What stands between is
    /// called `default`, as ARM calls what there is one of.
    pub fn collection(&self, kind: &str) -> Option<String> {
        let (mut text, types) = self.towards(kind)?;
        let (last, between) = types.split_last()?;
        for kind in between {
            text.extend(["/", kind, "/default"]);
        }
        text.extend(["/", last]);
        Some(text)
    }

    /// What stands before the types of `kind` that lead from `self` to it, and these types.
    fn towards<'k>(&self, kind: &'k str) -> Option<(String, Vec<&'k str>)> {
        let own = self.resource_type();
        let below = kind.get(..own.len()).filter(|start| start.eq_ignore_ascii_case(&own));
        if let (Some(_), Some(rest)) = (below, kind.get(own.len()..).and_then(|rest| rest.strip_prefix('/')))
        {
            return Some((self.0.clone(), rest.split('/').collect()));
        }
        let (namespace, types) = kind.split_once('/')?;
        Some((format!("{}/providers/{namespace}", self.0), types.split('/').collect()))
    }

    /// The id as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn segments(&self) -> Vec<&str> {
        self.0.split('/').skip(1).collect()
    }

    fn well_formed(&self) -> bool {
        let segments = self.segments();
        let mut index = 0;
        while index < segments.len() {
            if segments[index].eq_ignore_ascii_case("providers") {
                // providers/Namespace/type/name, then further type/name pairs.
                if segments.len() - index < 4 && segments.len() - index != 2 {
                    return false;
                }
                index += 2;
            } else {
                if index + 1 >= segments.len() {
                    return false;
                }
                index += 2;
            }
        }
        true
    }

    /// The subscription's GUID.
    pub fn subscription(&self) -> Option<&str> {
        let segments = self.segments();
        (segments.first()?.eq_ignore_ascii_case("subscriptions")).then(|| segments.get(1).copied()).flatten()
    }

    /// The resource group's name.
    pub fn resource_group(&self) -> Option<&str> {
        let segments = self.segments();
        (segments.get(2)?.eq_ignore_ascii_case("resourceGroups")).then(|| segments.get(3).copied()).flatten()
    }

    /// The last segment: the resource's own name.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The full type (`Microsoft.App/containerApps/revisions`);
    /// `Microsoft.Resources/subscriptions[/resourceGroups]` for those two.
    pub fn resource_type(&self) -> String {
        let segments = self.segments();
        let mut kind = None;
        let mut index = 0;
        // Forward, pair by pair: a resource may itself be called `providers`.
        while let Some(segment) = segments.get(index) {
            if segment.eq_ignore_ascii_case("providers") {
                let namespace = segments.get(index + 1).copied().unwrap_or_default();
                kind = Some(namespace.to_owned());
            } else if let Some(kind) = &mut kind {
                kind.push('/');
                kind.push_str(segment);
            }
            index += 2;
        }
        match kind {
            Some(kind) => kind,
            None if segments.len() >= 4 => "Microsoft.Resources/subscriptions/resourceGroups".to_owned(),
            None => "Microsoft.Resources/subscriptions".to_owned(),
        }
    }

    /// What contains this resource: the parent resource, the scope of an extension resource, the
    /// resource group, the subscription.
    pub fn parent(&self) -> Option<ResourceId> {
        let segments = self.segments();
        let count = segments.len();
        let keep = if count >= 4 && segments[count - 4].eq_ignore_ascii_case("providers") {
            count - 4
        } else if count >= 2 {
            count - 2
        } else {
            return None;
        };
        (keep > 0).then(|| ResourceId(format!("/{}", segments[..keep].join("/"))))
    }

    /// Whether `self` is `scope` or lies below it.
    pub fn within(&self, scope: &ResourceId) -> bool {
        let (own, other) = (self.folded(), scope.folded());
        own == other || own.strip_prefix(&other).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The form in which ids are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &ResourceId) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ResourceId {}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &ResourceId) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &ResourceId) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

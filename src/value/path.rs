//! Property paths: `properties.template.containers[web].env[DB_PASSWORD].secretRef`.

use std::fmt;

/// One step down into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of a list that is keyed, by the value of its key (or keys, joined with `,`).
    Element(String),
}

/// Where in a resource a property stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// The resource itself.
    pub fn root() -> Path {
        Path::default()
    }

    /// The path of these members: `properties.scope`.
    pub fn members(text: &str) -> Path {
        Path(text.split('.').map(|key| Segment::Key(key.to_owned())).collect())
    }

    /// The member `key` below this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Path {
        self.with(Segment::Key(key.to_owned()))
    }

    /// The element `key` of the list at this path.
    #[must_use]
    pub fn element(&self, key: &str) -> Path {
        self.with(Segment::Element(key.to_owned()))
    }

    fn with(&self, segment: Segment) -> Path {
        let mut segments = self.0.clone();
        segments.push(segment);
        Path(segments)
    }

    /// The path with every element written `[]`: the form the resource type table uses
    /// (`properties.template.containers[].env[].value`).
    pub fn pattern(&self) -> String {
        let mut text = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Segment::Element(_) => text.push_str("[]"),
            }
        }
        text
    }

    /// The path as recipes write it: without the `properties` that ARM puts around things, and with a
    /// key that is a resource id in brackets, as its last segment
    /// (`template.containers[web].image`, `identity.userAssignedIdentities[id-web]`).
    pub fn short(&self) -> String {
        let segments: Vec<Segment> = self
            .0
            .iter()
            .enumerate()
            .filter(|(index, segment)| {
                *index > 0 || self.0.len() == 1 || **segment != Segment::Key("properties".to_owned())
            })
            .map(|(_, segment)| match segment {
                Segment::Key(key) if key.starts_with('/') => {
                    Segment::Element(key.rsplit('/').next().unwrap_or(key).to_owned())
                }
                other => other.clone(),
            })
            .collect();
        Path(segments).to_string()
    }

    /// Whether `self` is `other` or stands above it.
    pub fn contains(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if index == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Element(key) => write!(f, "[{key}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn the_short_form_leaves_out_what_arm_puts_around_things() {
        let template = Path::root().key("properties").key("template").key("containers").element("web");
        assert_eq!(template.key("image").short(), "template.containers[web].image");
        let id = "/subscriptions/s/resourceGroups/g/providers/N/userAssignedIdentities/id-web";
        let identity = Path::root().key("identity").key("userAssignedIdentities").key(id);
        assert_eq!(identity.short(), "identity.userAssignedIdentities[id-web]");
        assert_eq!(Path::root().key("properties").short(), "properties");
        assert_eq!(Path::root().key("tags").key("properties").short(), "tags.properties");
    }
}

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

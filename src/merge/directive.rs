//! `{$patch: delete | replace | default | claim, value: …}`: what a plain value cannot say. And `without`, which no file
//! may say: only what puts a run back takes something out of a set.

use crate::value::{Data, Value};

/// A directive of a fragment, in Kubernetes' word.
#[derive(Clone, Copy, Debug)]
pub enum Directive<'a> {
    /// The member or element is to be absent.
    Delete,
    /// The whole value, lists included, is owned.
    Replace(&'a Value),
    /// Set only when nothing is set (also: at creation only).
    Default(&'a Value),
    /// Set when nothing is set; refuse when another value is.
    Claim(&'a Value),
    /// Of a set of words or values: these are not in it, whatever else is.
    Without(&'a Value),
}

impl Directive<'_> {
    /// The directive that `value` is, if it has a `$patch` member; its shape was checked when the
    /// recipe was loaded.
    pub fn read(value: &Value) -> Option<Directive<'_>> {
        let word = value.get("$patch")?.as_str()?;
        match (word, value.get("value")) {
            ("delete", _) => Some(Directive::Delete),
            ("replace", Some(inner)) => Some(Directive::Replace(inner)),
            ("default", Some(inner)) => Some(Directive::Default(inner)),
            ("claim", Some(inner)) => Some(Directive::Claim(inner)),
            ("without", Some(inner)) => Some(Directive::Without(inner)),
            _ => None,
        }
    }

    /// As a fragment says it.
    pub fn to_value(self) -> Value {
        let (word, inner) = match self {
            Directive::Delete => ("delete", None),
            Directive::Replace(inner) => ("replace", Some(inner)),
            Directive::Default(inner) => ("default", Some(inner)),
            Directive::Claim(inner) => ("claim", Some(inner)),
            Directive::Without(inner) => ("without", Some(inner)),
        };
        let word = ("$patch".to_owned(), Value::from(word));
        let inner = inner.map(|inner| ("value".to_owned(), inner.clone()));
        Value::new(Data::Map(std::iter::once(word).chain(inner).collect()))
    }
}

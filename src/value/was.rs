//! What was written down of a value that a run changed, and may not be kept itself.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Path;

/// A value as a run found it or wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum Was {
    /// Nothing was there.
    Absent,
    /// This.
    Value(Json),
    /// Something that nobody may see: its seal, which says whether a value is the same and nothing else.
    Hidden(String),
    /// Not known: only the write made it, or it could not be read.
    Unknown,
}

/// Makes the seal of a value that is not kept.
#[derive(Clone)]
pub struct Seal(pub Arc<dyn Fn(&Json) -> String + Send + Sync>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

/// One property that a run wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// Where.
    pub path: Path,
    /// How many of the path's segments led to something before the write.
    pub there: usize,
    /// What was there before the write.
    pub before: Was,
    /// What the write made of it.
    pub after: Was,
    /// What was there before the first write of the run that changed it.
    pub first: Was,
    /// Everything else that the run found or made there.
    pub values: Vec<Was>,
}

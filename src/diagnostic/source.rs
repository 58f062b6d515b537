//! Texts that findings point into.

/// A file's text, kept for pointing into it.
#[derive(Debug)]
pub struct Source {
    /// The name shown: a path as the user gave it, or `recipes/<name>/recipe.yaml` of a built-in.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A range of bytes in a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

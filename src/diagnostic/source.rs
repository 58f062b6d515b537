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

impl Source {
    /// The line and column of a byte, both from 1; columns count characters. An offset past the end
    /// is the end, one within a character is the start of that character.
    pub fn line_col(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.floor(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// The nearest character boundary at or before `offset`, within the text.
    pub(crate) fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = Source { name: "recipe.yaml".to_owned(), text: "a: é€x\r\n\nb".to_owned() };
        let position = |needle: &str| source.line_col(source.text.find(needle).unwrap());
        assert_eq!(position("a"), (1, 1));
        assert_eq!(position("x"), (1, 6));
        assert_eq!(source.line_col(4), (1, 4), "inside é");
        assert_eq!(position("b"), (3, 1));
        assert_eq!(source.line_col(usize::MAX), (3, 2));
        let empty = Source { name: String::new(), text: String::new() };
        assert_eq!(empty.line_col(7), (1, 1));
    }
}

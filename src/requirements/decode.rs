//! From bytes to text, as pip does it: byte order marks, a coding line, else UTF-8.

use std::borrow::Cow;

/// The text of a file; `Err`: why it has none.
///
/// pip falls back to the encoding of its locale, which in an image is UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(rest);
    }
    // Before UTF-16: its little-endian mark begins the same.
    if bytes.starts_with(b"\xFF\xFE\0\0") || bytes.starts_with(b"\0\0\xFE\xFF") {
        return Err("is UTF-32 text".to_owned());
    }
    for (mark, number) in
        [(b"\xFF\xFE", u16::from_le_bytes as fn([u8; 2]) -> u16), (b"\xFE\xFF", u16::from_be_bytes)]
    {
        if let Some(rest) = bytes.strip_prefix(mark) {
            if rest.len() % 2 == 1 {
                return Err("is cut in the middle of a character".to_owned());
            }
            let units: Vec<u16> = rest.chunks_exact(2).map(|pair| number([pair[0], pair[1]])).collect();
            return String::from_utf16(&units).map(Cow::Owned).map_err(|_| "is no UTF-16 text".to_owned());
        }
    }
    match coding(bytes) {
        None | Some("utf-8" | "utf8" | "ascii" | "us-ascii") => utf8(bytes),
        // Each byte is the character of its number.
        Some("latin-1" | "latin1" | "iso-8859-1") => {
            Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()))
        }
        Some(_) => Err("says that it is in an encoding that is not read here".to_owned()),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| "is not UTF-8 text".to_owned())
}

/// The encoding that a comment in one of the first two lines names (PEP 263).
fn coding(bytes: &[u8]) -> Option<&str> {
    bytes.split(|byte| *byte == b'\n').take(2).find_map(|line| {
        let line = std::str::from_utf8(line.get(..line.len().min(200))?).ok()?;
        let comment = line.trim_start().strip_prefix('#')?;
        let (_, after) = comment.split_once("coding")?;
        let name = after.strip_prefix([':', '='])?.trim_start();
        let end =
            name.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(name.len());
        name.get(..end).filter(|name| !name.is_empty())
    })
}

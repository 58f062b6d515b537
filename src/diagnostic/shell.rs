//! Words of the command lines that mend something.

use crate::value::strip_control;

/// A word as a shell takes it; on one line, whatever is in it.
pub fn quote(text: &str) -> String {
    let text = &strip_control(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

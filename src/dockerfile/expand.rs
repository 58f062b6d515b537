//! Variables within a text.

/// The longest text with variables filled in: one that doubles another, again and again, must end.
const MAX_CHARACTERS: usize = 4096;

/// The text with its variables filled in: `$name`, `${name}`, `${name:-default}`, `${name:+other}`. `None` when
/// one is not known, or is written in a way that is not known here.
///
/// `escape` before a `$` takes its meaning.
pub(super) fn expand(text: &str, escape: char, value: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        if out.len() > MAX_CHARACTERS {
            return None;
        }
        let escaped = rest[..at].ends_with(escape);
        out.push_str(&rest[..at - if escaped { escape.len_utf8() } else { 0 }]);
        rest = &rest[at + 1..];
        if escaped {
            out.push('$');
            continue;
        }
        if let Some(braced) = rest.strip_prefix('{') {
            let end = braced.find('}')?;
            let inner = &braced[..end];
            rest = &braced[end + 1..];
            let name = &inner[..name_length(inner)];
            let known = value(name);
            match &inner[name.len()..] {
                "" => out.push_str(&known?),
                form if form.starts_with(":-") || form.starts_with('-') => {
                    let default = form.trim_start_matches(':').strip_prefix('-')?;
                    let empty_counts = form.starts_with(':');
                    match known.filter(|known| !(empty_counts && known.is_empty())) {
                        Some(known) => out.push_str(&known),
                        // A variable within a default would need a second round.
                        None if default.contains('$') => return None,
                        None => out.push_str(default),
                    }
                }
                form if form.starts_with(":+") && known.is_some() => out.push_str(&form[2..]),
                form if form.starts_with(":+") => {}
                _ => return None,
            }
        } else {
            let length = name_length(rest);
            if length == 0 {
                // `$(…)` and the like are a shell's.
                return None;
            }
            out.push_str(&value(&rest[..length])?);
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    (out.len() <= MAX_CHARACTERS || !text.contains('$')).then_some(out)
}

fn name_length(text: &str) -> usize {
    let ends = |one: char| !(one.is_ascii_alphanumeric() || one == '_');
    let length = text.find(ends).unwrap_or(text.len());
    if text.starts_with(|one: char| one.is_ascii_digit()) { 0 } else { length }
}

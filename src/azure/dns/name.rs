//! Names as they are asked for.

/// Why a text is no name that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty, or the root.
    #[error("is empty")]
    Empty,
    /// It is an address.
    #[error("is an address, not a name")]
    Address,
    /// It has characters that no host has, and no ASCII form.
    #[error("is no host name")]
    Form,
    /// A part of it, or all of it, is too long.
    #[error("has a part of more than 63 characters, or more than 253 in all")]
    Long,
}

/// The ASCII form of a name, in small letters and without its final dot: `Bücher.example.` is
/// `xn--bcher-kva.example`. A first part `*` stays as it is.
///
/// # Errors
/// It is no name.
pub fn ascii_name(text: &str) -> Result<String, NameError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let (wild, rest) = match text.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", text),
    };
    // Parts of URLs would be decoded below.
    if rest.contains('%') || rest.starts_with('[') {
        return Err(NameError::Form);
    }
    let name = match url::Host::parse(rest) {
        Ok(url::Host::Domain(name)) => format!("{wild}{name}"),
        Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => return Err(NameError::Address),
        Err(_) => return Err(NameError::Form),
    };
    let part = |part: &str| {
        part == "*" || part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name.len() > 253 || name.split('.').any(|part| part.len() > 63) {
        return Err(NameError::Long);
    }
    if name.split('.').any(str::is_empty) || !name.split('.').all(part) {
        return Err(NameError::Form);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::NameError as E;
    use super::*;

    #[test]
    fn names_are_asked_for_in_their_ascii_form() {
        for (text, name) in [
            ("WWW.Contoso.example.", "www.contoso.example"),
            ("asuid.www.contoso.example", "asuid.www.contoso.example"),
            ("_dnsauth.contoso.example", "_dnsauth.contoso.example"),
            ("*.contoso.example", "*.contoso.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("example", "example"),
        ] {
            assert_eq!(ascii_name(text).as_deref(), Ok(name), "{text}");
        }
        for (text, error) in [
            ("", E::Empty),
            (".", E::Empty),
            ("127.0.0.1", E::Address),
            ("a b.example", E::Form),
            ("https://a.example/", E::Form),
            ("a..example", E::Form),
            ("a.example:443", E::Form),
            ("a%2eb.example", E::Form),
            ("xn--a.example", E::Form),
            ("user@a.example", E::Form),
            ("[::1]", E::Form),
        ] {
            assert_eq!(ascii_name(text), Err(error), "{text}");
        }
        assert!(ascii_name(&format!("{}.example", "a".repeat(64))).is_err());
        assert!(ascii_name(&["a"; 130].join(".")).is_err());
    }
}

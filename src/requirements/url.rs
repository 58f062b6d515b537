//! URLs in requirements: what they say of a package, and what nobody may see of them.

/// The same text with `***` in the place of what stands before an `@` in the host part of a URL. A URL without
/// `//` has no such part.
pub(super) fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        out.push_str(before);
        let end = host_end(after);
        let (host, further) = after.split_at(end);
        match host.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str("***@");
                out.push_str(host);
            }
            None => out.push_str(host),
        }
        rest = further;
    }
    out.push_str(rest);
    out
}

/// The user part of a URL's host, if there is one.
pub(super) fn user(url: &str) -> Option<&str> {
    let (_, after) = url.split_once("://")?;
    after[..host_end(after)].rsplit_once('@').map(|(user, _)| user)
}

/// The host of a URL, small, without user and port.
pub(super) fn host(url: &str) -> Option<String> {
    let (_, after) = url.split_once("://")?;
    let authority = &after[..host_end(after)];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    (plain && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Whether the user part holds a secret: something that is neither an environment variable (which pip replaces)
/// nor the name that repositories have for it.
pub(super) fn has_credential(url: &str) -> bool {
    user(url).is_some_and(|user| {
        user.split(':')
            .any(|part| !part.is_empty() && !is_variable(part) && part != "git" && part != "oauth2")
    })
}

/// `${NAME}`.
fn is_variable(text: &str) -> bool {
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// The end of the authority. A `/` in a password has to be encoded, but a `{` needs not: `${TOKEN}` stands.
fn host_end(after: &str) -> usize {
    after.find(|c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace()).unwrap_or(after.len())
}

/// Whether it is a URL with one of pip's schemes, version control among them.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    matches!(
        scheme.to_ascii_lowercase().as_str(),
        "http" | "https" | "file" | "ftp" | "git" | "hg" | "svn" | "bzr" | "ssh"
    ) || is_repository(text)
}

/// Whether it leads to a repository (`git+https://…`).
pub(super) fn is_repository(text: &str) -> bool {
    let lower = text.get(..text.len().min(5)).unwrap_or_default().to_ascii_lowercase();
    ["git+", "hg+", "svn+", "bzr+"].iter().any(|kind| lower.starts_with(kind))
}

/// The name of a package in `#egg=name[extra]`.
pub(super) fn egg(url: &str) -> Option<&str> {
    let (_, fragment) = url.split_once('#')?;
    fragment.split('&').find_map(|part| part.strip_prefix("egg="))
}

/// The last part of a path or URL, without query and fragment.
pub(super) fn file_name(text: &str) -> &str {
    let text = text.split(['#', '?']).next().unwrap_or_default();
    text.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

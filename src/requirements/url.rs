//! URLs in requirements: what they say of a package, and what nobody may see of them.

/// The same text with each URL as its scheme, host and last part of the path only: `https://***@host/…/x.whl`. What
/// stands before an `@`, a query and a fragment may be secrets (a SAS URL's `sig`), and so may parts of the path.
pub(super) fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        match word.split_once("://") {
            Some((before, after)) => {
                out.push_str(before);
                out.push_str("://");
                brief(after, is_repository(before), &mut out);
            }
            // A URL in a wrong form keeps its query from view all the same.
            None => match word.split_once('?') {
                Some((before, query)) if query.contains('=') => {
                    out.push_str(before);
                    out.push('…');
                }
                _ => out.push_str(word),
            },
        }
        out.push_str(&piece[word.len()..]);
    }
    out
}

fn brief(after: &str, repository: bool, out: &mut String) {
    let (hidden, rest) = without_user(after, repository);
    if hidden {
        out.push_str("***@");
    }
    let rest = rest.split(['?', '#', ';']).next().unwrap_or_default();
    // A second URL within the first has its own secrets.
    let rest = rest.split("://").next().unwrap_or_default();
    let Some((host, path)) = rest.split_once('/') else { return out.push_str(rest) };
    out.push_str(host);
    let last = path.trim_end_matches('/').rsplit_once('/').map(|(_, last)| last);
    out.push_str(if last.is_some() { "/…/" } else { "/" });
    out.push_str(last.unwrap_or(path));
}

/// What follows the user part, and whether there is one. Servers see it end at the last `@` of the authority, but
/// people write passwords with a `/` in them, so that it is taken to end at the last `@` of all; that of a
/// repository may name a revision.
fn without_user(after: &str, repository: bool) -> (bool, &str) {
    let authority = host_end(after);
    match after.rfind('@') {
        Some(at) if at < authority || !repository || !has_host(&after[..authority]) => {
            (true, &after[at + 1..])
        }
        Some(_) => match after[..authority].rfind('@') {
            Some(at) => (true, &after[at + 1..]),
            None => (false, after),
        },
        None => (false, after),
    }
}

/// Whether an authority ends in a host and perhaps a port.
fn has_host(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = host.rsplit_once(':').unwrap_or((host, ""));
    port.chars().all(|c| c.is_ascii_digit()) && is_host(host)
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn after_scheme(url: &str) -> Option<&str> {
    let (_, after) = url.split_once("://")?;
    after.split(char::is_whitespace).next()
}

/// The user part of a URL's host, if there is one.
fn user(url: &str) -> Option<&str> {
    let after = after_scheme(url)?;
    after[..host_end(after)].rsplit_once('@').map(|(user, _)| user)
}

/// The host of a URL, small, without user and port.
pub(super) fn host(url: &str) -> Option<String> {
    let after = after_scheme(url)?;
    let authority = &after[..host_end(after)];
    let rest = if has_host(authority) && !slash_in_password(after) {
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    } else {
        let rest = after.rsplit_once('@')?.1;
        &rest[..host_end(rest)]
    };
    let host = rest.split(':').next().unwrap_or_default();
    is_host(host).then(|| host.to_ascii_lowercase())
}

/// `user:pa/ss@host`: what looks like the port is the first half of a password.
fn slash_in_password(after: &str) -> bool {
    let end = host_end(after);
    let path = after[end..].split(['?', '#']).next().unwrap_or_default();
    let authority = &after[..end];
    !authority.contains('@') && authority.contains(':') && path.contains('@') && !path.contains("/@")
        || !has_host(authority) && after[end..].contains('@')
}

/// Whether a URL holds a secret: in its user part something that is neither an environment variable (which pip
/// replaces) nor the name that repositories have for it; in its query a value under the name of a secret, in that
/// of an `index` any value, for which indexes have no other use.
pub(super) fn has_credential(url: &str, index: bool) -> bool {
    let Some(after) = after_scheme(url) else { return false };
    let known = |part: &str| part.is_empty() || is_variable(part) || part == "git" || part == "oauth2";
    user(url).is_some_and(|user| user.split(':').any(|part| !known(part)))
        || slash_in_password(after) && !is_repository(url)
        || !has_host(&after[..host_end(after)]) && after[host_end(after)..].contains('@')
        || query(after)
            .any(|(name, value)| !value.is_empty() && !is_variable(value) && (index || names_secret(name)))
}

fn query(after: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = after.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    query.split(['&', ';']).map(|pair| pair.split_once('=').unwrap_or(("", pair)))
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "sig" | "code" | "pat")
        || ["signature", "token", "key", "secret", "password", "passwd", "pwd", "credential", "auth"]
            .iter()
            .any(|part| name.contains(part))
}

/// Whether some `${NAME}` stands in a text, in which pip fills in the variable.
pub(super) fn has_variable(text: &str) -> bool {
    text.split("${")
        .skip(1)
        .any(|rest| rest.split_once('}').is_some_and(|(name, _)| is_variable(&format!("${{{name}}}"))))
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

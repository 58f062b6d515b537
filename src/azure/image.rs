//! References to container images, by the grammar of the OCI distribution specification
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>, `pulling manifests`).

/// The longest name of a repository: with the server before it 255 characters.
const LONGEST_NAME: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// An image reference taken apart: `server/repository:tag@digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// The registry's server, when the first part names one: it holds a dot or a port, or is `localhost`.
    pub server: Option<String>,
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
}

impl ImageReference {
    /// The parts of `text`; `None`: it is no image reference.
    pub fn parse(text: &str) -> Option<ImageReference> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (server, rest) = match rest.split_once('/') {
            Some((first, rest)) if names_server(first) => (Some(first), rest),
            _ => (None, rest),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let fits = is_repository(repository)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest)
            && server.is_none_or(is_server)
            && text.len() <= 2 * LONGEST_NAME + LONGEST_TAG;
        fits.then(|| ImageReference {
            server: server.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

fn names_server(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_server(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label)
        && port.is_none_or(|port| (1..=5).contains(&port.len()) && port.chars().all(|c| c.is_ascii_digit()))
}

/// Whether `text` can be the name of a repository: parts of small letters and digits, with `.`, `_`, `__`
/// or hyphens between them.
pub fn is_repository(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.split('/').all(is_part)
}

fn is_part(text: &str) -> bool {
    let joint = |joint: &str| matches!(joint, "" | "." | "_" | "__") || joint.chars().all(|c| c == '-');
    let mut joints = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    // Nothing before the first letter and nothing after the last.
    let ends = |joint: Option<&str>| joint.is_some_and(str::is_empty);
    !text.is_empty()
        && ends(joints.clone().next())
        && ends(joints.clone().next_back())
        && joints.clone().count() > 1
        && joints.all(joint)
}

/// Whether `text` can be a tag.
pub fn is_tag(text: &str) -> bool {
    (1..=LONGEST_TAG).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether `text` is a digest of an algorithm that registries must take: SHA-256, or SHA-512.
pub fn is_digest(text: &str) -> bool {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    };
    match text.split_once(':') {
        Some(("sha256", encoded)) => hex(encoded, 64),
        Some(("sha512", encoded)) => hex(encoded, 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let pinned = format!("team/app__x.y-z:v1@{digest}");
        let image = ImageReference::parse(&pinned).unwrap();
        assert_eq!((image.server, image.repository.as_str()), (None, "team/app__x.y-z"));
        assert_eq!((image.tag.as_deref(), image.digest.as_deref()), (Some("v1"), Some(digest.as_str())));

        let image = ImageReference::parse("acrdemo.azurecr.io/team/app:V_1").unwrap();
        assert_eq!(image.server.as_deref(), Some("acrdemo.azurecr.io"));
        assert_eq!((image.repository.as_str(), image.tag.as_deref()), ("team/app", Some("V_1")));
        let image = ImageReference::parse("localhost:5000/app").unwrap();
        assert_eq!((image.server.as_deref(), image.tag), (Some("localhost:5000"), None));
        assert_eq!(ImageReference::parse("app").unwrap().repository, "app");
    }

    #[test]
    fn what_would_leave_its_place_in_a_url_is_no_reference() {
        for text in [
            "",
            "/",
            "App",
            "app:",
            "app:a b",
            "app:-x",
            "app@",
            "app@sha256:0a",
            "../app",
            "a/../b",
            "a//b",
            "a/",
            "/a",
            "app?x",
            "app#x",
            "app%2f",
            "app\\x",
            "app:v1:v2",
            "a..b",
            "a___b",
            "-a",
            "a-",
            "a:é",
            "ä",
            "a.b.c/",
            "x..y/app",
            "host:port/app",
            "app@md5:0123",
            "app\n",
            "evil.example:99/app\u{0}",
        ] {
            assert_eq!(ImageReference::parse(text), None, "{text:?}");
        }
        assert!(!is_digest(&format!("sha256:{}", "0A".repeat(32))), "digests have small letters");
        assert!(!is_tag(&"a".repeat(129)) && is_tag(&"a".repeat(128)));
        assert!(!is_repository(&"a".repeat(256)) && is_repository("a--b") && is_repository("0"));
    }
}

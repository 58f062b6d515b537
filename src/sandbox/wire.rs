//! What every carrier needs: the seam to the sandbox, and HTTP parts turned into its request type.

use url::form_urlencoded;

use super::http::{Reply, Request};
use super::{Handshake, NameReply, Sandbox, SqlBatch, SqlReply};

/// Whoever answers the requests that a carrier brings: the sandbox, or the sandbox with a state
/// file behind it.
pub trait Handler: Send + Sync {
    /// The reply to one request. Must not block for long: carriers call it from async code.
    fn handle(&self, request: &Request) -> Reply;

    /// Whether a name leads to the edge of a Container Apps environment, from outside.
    fn resolves(&self, _host: &str) -> bool {
        false
    }

    /// What the world is told of a name: the records of a type (`TXT`) at it. Where nobody plays the domain name
    /// system there is no name.
    fn name(&self, _name: &str, _kind: &str) -> NameReply {
        NameReply::NoName
    }

    /// What the edge does in the handshake for a host; nothing is known where nobody plays it.
    fn handshake(&self, _host: &str) -> Option<Handshake> {
        None
    }

    /// Whether a host is one of an app's.
    fn is_app(&self, _host: &str) -> bool {
        false
    }

    /// The names that a certificate for apps carries, some beginning with `*.`.
    fn app_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// The reply to one batch of T-SQL. Where nobody plays databases there is nobody at any host.
    fn batch(&self, _batch: &SqlBatch<'_>) -> SqlReply {
        SqlReply::Reset
    }
}

impl Handler for Sandbox {
    fn handle(&self, request: &Request) -> Reply {
        Sandbox::handle(self, request)
    }

    fn resolves(&self, host: &str) -> bool {
        Sandbox::resolves(self, host)
    }

    fn is_app(&self, host: &str) -> bool {
        Sandbox::is_app(self, host)
    }

    fn name(&self, name: &str, kind: &str) -> NameReply {
        Sandbox::name(self, name, kind)
    }

    fn handshake(&self, host: &str) -> Option<Handshake> {
        Some(Sandbox::handshake(self, host))
    }

    fn app_names(&self) -> Vec<String> {
        Sandbox::app_names(self)
    }

    fn batch(&self, batch: &SqlBatch<'_>) -> SqlReply {
        Sandbox::batch(self, batch)
    }
}

impl<A: Handler + ?Sized> Handler for std::sync::Arc<A> {
    fn handle(&self, request: &Request) -> Reply {
        (**self).handle(request)
    }

    fn resolves(&self, host: &str) -> bool {
        (**self).resolves(host)
    }

    fn is_app(&self, host: &str) -> bool {
        (**self).is_app(host)
    }

    fn name(&self, name: &str, kind: &str) -> NameReply {
        (**self).name(name, kind)
    }

    fn handshake(&self, host: &str) -> Option<Handshake> {
        (**self).handshake(host)
    }

    fn app_names(&self) -> Vec<String> {
        (**self).app_names()
    }

    fn batch(&self, batch: &SqlBatch<'_>) -> SqlReply {
        (**self).batch(batch)
    }
}

/// The parts of a request as they stand on the wire.
pub(super) struct Parts<'a> {
    /// `GET`, `PUT`, …
    pub(super) method: &'a str,
    /// Host and port.
    pub(super) host: &'a str,
    /// The path, still percent-encoded.
    pub(super) path: &'a str,
    /// The query string without its `?`, still encoded.
    pub(super) query: &'a str,
}

impl Parts<'_> {
    /// The sandbox's request: path and query decoded, header names in lower case.
    pub(super) fn into_request<N, V>(
        self,
        headers: impl IntoIterator<Item = (N, V)>,
        body: Vec<u8>,
    ) -> Request
    where
        N: AsRef<str>,
        V: Into<String>,
    {
        Request {
            method: self.method.to_owned(),
            host: self.host.to_owned(),
            path: percent_decoded(self.path),
            query: form_urlencoded::parse(self.query.as_bytes()).into_owned().collect(),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into()))
                .collect(),
            body,
        }
    }
}

/// `text` with `%XX` replaced by the byte it names (RFC 3986 §2.1). A `%` that starts no such triple
/// stays as it is, and bytes that are not UTF-8 become U+FFFD: such a path names no resource.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return String::from_utf8_lossy(&bytes).into_owned(),
            [b'%', high, low, after @ ..] => {
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                    bytes.push(high << 4 | low);
                    rest = after;
                } else {
                    bytes.push(b'%');
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
}

/// The value of one hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_decoded_each_by_its_own_rule() {
        let request = Parts {
            method: "GET",
            host: "127.0.0.1:1",
            path: "/subscriptions/a%2Fb+c/%zz%E2%82%AC%",
            query: "api-version=2022-04-01&$filter=principalId+eq+%27x%27",
        }
        .into_request([("Authorization", "Bearer sandbox-owner")], Vec::new());
        assert_eq!(request.path, "/subscriptions/a/b+c/%zz€%");
        assert_eq!(
            request.query,
            [
                ("api-version".to_owned(), "2022-04-01".to_owned()),
                ("$filter".to_owned(), "principalId eq 'x'".to_owned())
            ]
        );
        assert_eq!(request.headers, [("authorization".to_owned(), "Bearer sandbox-owner".to_owned())]);
    }
}

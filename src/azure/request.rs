//! What is asked of Azure Resource Manager, and what it answers.

use std::fmt;

use azure_core::http::headers::{HeaderName, Headers};
use serde_json::Value;
use url::Url;

use super::errors::{ArmError, ArmErrorKind};
use super::operations::Operation;
use crate::value::{invisible, strip_control};

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers only.
    Head,
    /// Creates or replaces.
    Put,
    /// Changes a part.
    Patch,
    /// An action.
    Post,
    /// Removes.
    Delete,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        })
    }
}

impl From<Method> for azure_core::http::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => azure_core::http::Method::Get,
            Method::Head => azure_core::http::Method::Head,
            Method::Put => azure_core::http::Method::Put,
            Method::Patch => azure_core::http::Method::Patch,
            Method::Post => azure_core::http::Method::Post,
            Method::Delete => azure_core::http::Method::Delete,
        }
    }
}

/// One request. Its `Debug` form leaves out the body, which may hold secrets.
#[derive(Clone, PartialEq)]
pub struct ArmRequest {
    /// What to do.
    pub method: Method,
    /// The id of the resource or collection, or a resource's id with an action's name; begins with `/`.
    pub path: String,
    /// The api-version, such as `2026-01-01`.
    pub api_version: String,
    /// Further query parameters, not encoded.
    pub query: Vec<(String, String)>,
    /// The body, sent as JSON.
    pub body: Option<Value>,
}

impl ArmRequest {
    /// A request without body and without further parameters.
    pub fn new(method: Method, path: impl Into<String>, api_version: impl Into<String>) -> ArmRequest {
        ArmRequest {
            method,
            path: path.into(),
            api_version: api_version.into(),
            query: Vec::new(),
            body: None,
        }
    }

    /// A GET.
    pub fn get(path: impl Into<String>, api_version: impl Into<String>) -> ArmRequest {
        ArmRequest::new(Method::Get, path, api_version)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> ArmRequest {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Value) -> ArmRequest {
        self.body = Some(body);
        self
    }

    /// The URL below `endpoint`. Refuses a path that could leave the endpoint or mean another resource than
    /// it shows: an empty, `.` or `..` segment, a query, a fragment, a backslash or an escape; and one that is longer
    /// than any id. What else a segment holds is percent-encoded, as query parameters are.
    pub(crate) fn url(&self, endpoint: &Url) -> Result<Url, ArmError> {
        let refuse =
            |reason: String| ArmError::new(ArmErrorKind::Request { reason }).on(self.method, cut(&self.path));
        let Some(rest) = self.path.strip_prefix('/') else {
            return Err(refuse("the path does not begin with '/'".to_owned()));
        };
        if self.path.len() > LONGEST {
            return Err(refuse(format!("the path is longer than {LONGEST} bytes")));
        }
        for segment in rest.split('/') {
            let odd = |c: char| {
                c.is_control() || c.is_whitespace() || invisible(c) || matches!(c, '?' | '#' | '%' | '\\')
            };
            if matches!(segment, "" | "." | "..") || segment.contains(odd) {
                return Err(refuse(format!("'{}' cannot be a segment of a path", cut(segment))));
            }
        }
        if self.api_version.is_empty() {
            return Err(refuse("no api-version".to_owned()));
        }
        let mut url = endpoint.clone();
        url.set_path(&self.path);
        {
            let mut pairs = url.query_pairs_mut();
            pairs.clear().append_pair("api-version", &self.api_version);
            for (name, value) in &self.query {
                pairs.append_pair(name, value);
            }
        }
        Ok(url)
    }
}

/// The longest path, in bytes: far longer than any id.
const LONGEST: usize = 8 * 1024;

/// The start of a path as a message may show it.
fn cut(text: &str) -> String {
    const SHOWN: usize = 300;
    let text = strip_control(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl fmt::Debug for ArmRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.method, self.path, self.api_version)
    }
}

/// A successful answer, read whole. Its `Debug` form leaves out the body, which may hold secrets.
#[derive(Clone)]
pub struct ArmResponse {
    /// The HTTP status, 2xx.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
    pub(crate) headers: Headers,
}

impl ArmResponse {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_optional_str(&HeaderName::from(name.to_owned()))
    }

    /// `properties.provisioningState`, as it came.
    pub fn provisioning_state(&self) -> Option<&str> {
        self.body.pointer("/properties/provisioningState")?.as_str()
    }
}

impl fmt::Debug for ArmResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A write that Azure accepted. Its `Debug` form leaves out the body.
#[derive(Clone)]
pub struct Accepted {
    /// The HTTP status, 2xx.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
    /// What to wait for; `None` when the write is done.
    pub operation: Option<Operation>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("status", &self.status)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_the_endpoint() {
        let endpoint: Url = "https://management.azure.com".parse().unwrap();
        for path in [
            "",
            "subscriptions/x",
            "//evil.example/x",
            "/a/../b",
            "/a/./b",
            "/a//b",
            "/a?x=1",
            "/a#b",
            "/a\\..\\b",
            "/a/%2e%2e/b",
            "/a b",
            "/a\n",
            "/subscriptions/",
            "/a\u{ad}b",
            "/a\u{202e}b",
            "/a\u{85}b",
            "/a%2fb",
            "/a;/..",
            &format!("/{}", "a".repeat(10_000)),
            &"/a".repeat(5_000),
        ] {
            assert!(ArmRequest::get(path, "2020-01-01").url(&endpoint).is_err(), "{path}");
        }
        let request = ArmRequest::get("/subscriptions/s/dnsZones/z/TXT/*.a@ü", "2018-05-01")
            .query("$filter", "a eq 'b'&x=y");
        let url = request.url(&endpoint).unwrap();
        assert_eq!(url.host_str(), Some("management.azure.com"));
        assert_eq!(url.query_pairs().count(), 2);
        assert!(url.query_pairs().any(|(name, value)| name == "$filter" && value == "a eq 'b'&x=y"));
    }
}

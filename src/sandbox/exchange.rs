//! The record of what went over the wire.

use serde_json::{Map, Value as Json, json};

use super::http::{Reply, Request};

/// Bodies larger than this many bytes are not kept.
const KEPT: usize = 1024 * 1024;

/// Who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Azure Resource Manager: what Microsoft's schemas of ARM describe.
    ResourceManager,
    /// The own API of a container registry.
    Registry,
    /// The storage beside a registry's task runs.
    Storage,
    /// A SQL server, with T-SQL.
    Sql,
    /// An app, through the edge of its environment.
    App,
}

/// One request with what was sent back. Bodies hold what the wire held, secrets included: this is
/// for tests.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Counted from 1.
    pub number: usize,
    /// Who was asked.
    pub service: Service,
    /// The host (and port) that the request named.
    pub host: String,
    /// `GET`, `PUT`, …; of a SQL server `SELECT` for a batch that only reads, `BATCH` for any other.
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// Query parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The request's body, when it was JSON.
    pub request_body: Option<Json>,
    /// The status sent; `None` when the connection was reset or left silent.
    pub status: Option<u16>,
    /// The answer's headers, names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body, when it was whole, JSON and at most 1 MiB.
    pub response_body: Option<Json>,
    /// The names of the request's headers, in lower case.
    pub header_names: Vec<String>,
    /// The caller's name; `None` without a known token.
    pub caller: Option<String>,
    /// The fault that touched this exchange, in the notation of the flags; none when it is about what others do, and they
    /// could not.
    pub fault: Option<String>,
}

impl Exchange {
    pub(super) fn new(number: usize, service: Service, request: &Request) -> Exchange {
        Exchange {
            number,
            service,
            host: request.host.clone(),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            request_body: serde_json::from_slice(&request.body).ok(),
            status: None,
            response_headers: Vec::new(),
            response_body: None,
            header_names: request.headers.iter().map(|(name, _)| name.clone()).collect(),
            caller: None,
            fault: None,
        }
    }

    pub(super) fn answered(&mut self, reply: &Reply) {
        if let Reply::Answer(response) | Reply::Late { response, .. } = reply {
            self.status = Some(response.status);
            self.response_headers.clone_from(&response.headers);
            if response.body.len() <= KEPT {
                self.response_body = serde_json::from_slice(&response.body).ok();
            }
        }
    }

    /// Whether the request changes something: anything but `GET`, `HEAD` and a POST of an action called `list…`,
    /// `get…` or `check…`, which by ARM's habit only read; of a database anything but
    /// `SELECT`, and nothing that is asked of an app, or of a registry, whose only POSTs here exchange tokens.
    pub fn is_write(&self) -> bool {
        match self.service {
            Service::ResourceManager => match self.method.as_str() {
                "GET" | "HEAD" => false,
                "POST" => {
                    let action = self.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
                    !["list", "get", "check"].iter().any(|verb| action.starts_with(verb))
                }
                _ => true,
            },
            Service::Registry | Service::Storage | Service::App => false,
            Service::Sql => self.method != "SELECT",
        }
    }

    /// The value of a response header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.response_headers, name)
    }

    /// The exchange as one JSON object: `host`, `method`, `path`, `query`, `request_body`, `status`,
    /// `response_headers`, `response_body`, `id` (its number). The notation of recorded exchanges
    /// that are checked against Microsoft's schemas.
    pub fn to_record(&self) -> Json {
        let object = |pairs: &[(String, String)]| {
            Json::Object(
                pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>(),
            )
        };
        let mut record = json!({
            "id": format!("#{}", self.number),
            "host": self.host,
            "method": self.method,
            "path": self.path,
            "query": object(&self.query),
            "request_body": self.request_body,
        });
        if let Some(status) = self.status {
            record["status"] = json!(status);
            record["response_headers"] = object(&self.response_headers);
            record["response_body"] = json!(self.response_body);
        }
        record
    }
}

/// The value of the pair named `name`, without regard to case.
pub(super) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

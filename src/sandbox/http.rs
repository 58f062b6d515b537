//! A request and a reply as the sandbox sees them, whoever carries them.

/// A request, method and header names as they came, path and query decoded.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The host (and port) the client addressed.
    pub host: String,
    /// The path, percent-decoded.
    pub path: String,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the carrier does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Sends this answer.
    Answer(Response),
    /// Closes the connection without an answer. Whether the request took effect was decided before.
    Reset,
    /// Sends the answer's head and the first `bytes` bytes of its body, then closes the connection.
    Truncated {
        /// The answer.
        response: Response,
        /// How much of its body is sent.
        bytes: usize,
    },
    /// Sends this answer after a time.
    Late {
        /// The answer.
        response: Response,
        /// How long it takes.
        after: std::time::Duration,
    },
    /// Never answers and keeps the connection.
    Silence,
}

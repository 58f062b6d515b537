//! The storage beside a registry's runs: the archive that goes there, the log that comes from there.

use std::fmt;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{Context, PipelineStreamOptions, Request};
use azure_core::stream::SeekableStream;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::io::AsyncRead;
use time::OffsetDateTime;
use url::Url;

use super::BlobLink;
use crate::azure::client::ArmClient;
use crate::azure::endpoint::EndpointKind;
use crate::azure::errors::{self, ArmError, ArmErrorKind, HttpFailure, Last};
use crate::azure::events::ClientEvent;
use crate::azure::request::Method;
use crate::azure::{envelope, retry};
use crate::clock::within;

/// The version of the storage service that is spoken.
const STORAGE_VERSION: &str = "2021-08-06";

/// The most of a log that is asked for at once, in bytes.
const LOG_PART: u64 = 1024 * 1024;

/// Tries of an upload that fails for a reason that passes.
const TRIES: u32 = 4;

/// How long a try of an upload may take, whatever its size, and the slowest connection that is waited for, in bytes a
/// second. One that hangs is tried again while there is time.
const UPLOAD: std::time::Duration = std::time::Duration::from_secs(60);
const SLOWEST: u64 = 100 * 1024;

/// What a log has more, seen from where it was read to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPart {
    /// More of it; empty: nothing new.
    More(Bytes),
    /// The link opens it no more.
    Expired,
}

impl ArmClient {
    /// A link of a response, if it leads to storage of the cloud or to the endpoint itself.
    pub(super) fn blob_link(&self, name: &'static str, link: &str) -> Result<BlobLink, ArmError> {
        let endpoint = self.endpoint();
        let suffix = endpoint.cloud().suffixes.storage.confirmed().unwrap_or_default();
        let below = |url: &Url| {
            let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
            let account = host.strip_suffix(&format!(".blob{suffix}"));
            let is_account = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
            };
            !suffix.is_empty()
                && url.scheme() == "https"
                && url.port().is_none()
                && url.username().is_empty()
                && url.password().is_none()
                && account.is_some_and(is_account)
        };
        let own = |url: &Url| endpoint.kind() == EndpointKind::Custom && endpoint.has(url);
        match Url::parse(link) {
            Ok(url) if below(&url) || own(&url) => {
                Ok(BlobLink(azure_core::credentials::Secret::new(url.to_string())))
            }
            Ok(url) => Err(ArmError::new(ArmErrorKind::ForeignHost {
                link: name,
                found: self.clean(&format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())),
                expected: format!("https://*.blob{suffix}"),
            })),
            Err(_) => Err(ArmError::new(ArmErrorKind::ForeignHost {
                link: name,
                found: "no address".to_owned(),
                expected: format!("https://*.blob{suffix}"),
            })),
        }
    }

    /// Puts a file of `length` bytes where the link says. The whole is sent again when it fails for a reason that
    /// passes: the same bytes in the same place are one upload.
    ///
    /// # Errors
    /// The storage refuses, or does not answer before the deadline.
    pub async fn upload(
        &self,
        link: &BlobLink,
        file: File,
        length: u64,
        deadline: OffsetDateTime,
    ) -> Result<(), ArmError> {
        let file = Arc::new(file);
        let mut tries = 0;
        loop {
            tries += 1;
            let body = Body::SeekableStream(Box::new(FileBody { file: Arc::clone(&file), at: 0, length }));
            let headers =
                [("x-ms-blob-type", "BlockBlob".to_owned()), ("content-length", length.to_string())];
            let limit =
                deadline.min(self.clock().now() + UPLOAD + std::time::Duration::from_secs(length / SLOWEST));
            let answer = self.blob(Method::Put, link, &headers, Some(body), limit).await;
            let error = match answer {
                Ok((200..300, ..)) => return Ok(()),
                Ok((status, _, bytes)) => self.refused(Method::Put, link, status, &bytes),
                Err(error) => error,
            };
            let left = retry::remaining(self.clock().now(), deadline).unwrap_or_default();
            let pause = retry::pause(&error, tries, self.inner.limits.first_pause);
            if tries == TRIES || !retry::again(&error, tries) || pause >= left {
                return Err(error);
            }
            let reason = format!("{PLACE}: {}", error.kind());
            self.tell(ClientEvent::Retrying { after: pause, reason, attempt: tries });
            self.clock().sleep(pause).await;
        }
    }

    /// What the log has from its byte `from` on.
    ///
    /// # Errors
    /// The storage does not answer.
    pub async fn log_part(
        &self,
        link: &BlobLink,
        from: u64,
        deadline: OffsetDateTime,
    ) -> Result<LogPart, ArmError> {
        let range = format!("bytes={from}-{}", from + LOG_PART - 1);
        let limit = deadline.min(self.clock().now() + self.inner.limits.per_try);
        let (status, _, bytes) = self.blob(Method::Get, link, &[("x-ms-range", range)], None, limit).await?;
        Ok(match status {
            206 => LogPart::More(bytes),
            // One that knows no ranges gives all of it.
            200 => {
                let start = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                LogPart::More(bytes.slice(start..))
            }
            // Nothing there yet, or nothing new.
            404 | 416 => LogPart::More(Bytes::new()),
            401 | 403 => LogPart::Expired,
            _ => return Err(self.refused(Method::Get, link, status, &bytes)),
        })
    }

    /// One request to the storage: no token, and nothing told of where it goes.
    async fn blob(
        &self,
        method: Method,
        link: &BlobLink,
        headers: &[(&'static str, String)],
        body: Option<Body>,
        deadline: OffsetDateTime,
    ) -> Result<(u16, Headers, Bytes), ArmError> {
        let reason = |reason: &str| ArmError::new(ArmErrorKind::Request { reason: reason.to_owned() });
        let url = Url::parse(link.0.secret()).map_err(|_| reason("the link is none").on(method, PLACE))?;
        let mut request = Request::new(url, method.into());
        request.insert_header("x-ms-version", STORAGE_VERSION);
        for (name, value) in headers {
            request.insert_header(*name, value.clone());
        }
        if let Some(body) = body {
            request.set_body(body);
        }
        let Some(limit) = retry::remaining(self.clock().now(), deadline) else {
            return Err(ArmError::new(ArmErrorKind::Deadline { last: Last::Nothing }).on(method, PLACE));
        };
        let bound = usize::try_from(LOG_PART).unwrap_or(usize::MAX).saturating_mul(16);
        let exchange = async {
            let options = PipelineStreamOptions { skip_checks: true, ..PipelineStreamOptions::default() };
            let context = Context::new();
            let response = self.inner.storage.stream(&context, &mut request, Some(options)).await?;
            let (status, headers, mut stream) = response.deconstruct();
            let mut whole = BytesMut::new();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk?;
                if whole.len() + chunk.len() > bound {
                    break;
                }
                whole.extend_from_slice(&chunk);
            }
            Ok::<_, azure_core::Error>((u16::from(status), headers, whole.freeze()))
        };
        match within(&**self.clock(), limit, exchange).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => {
                let maybe_sent = !matches!(error.kind(), ErrorKind::Connection);
                // The HTTP library tells the whole address with its errors.
                let reason = without_address(&self.clean(&errors::chain(&error)), link);
                Err(ArmError::new(ArmErrorKind::Connection { maybe_sent, reason }).on(method, PLACE))
            }
            None => {
                Err(ArmError::new(ArmErrorKind::Timeout { maybe_sent: true, after: limit }).on(method, PLACE))
            }
        }
    }

    /// What a proxy says may repeat the address.
    fn refused(&self, method: Method, link: &BlobLink, status: u16, bytes: &[u8]) -> ArmError {
        let envelope = envelope::read(status, bytes, &|text| without_address(&self.clean(text), link));
        ArmError::new(ArmErrorKind::Http(HttpFailure {
            status,
            code: envelope.code,
            message: envelope.message,
            target: None,
            details: Vec::new(),
            policies: Vec::new(),
            request_id: None,
            correlation_id: None,
            retry_after: None,
        }))
        .on(method, PLACE)
    }
}

/// What stands for the path of a link.
const PLACE: &str = "the registry's storage";

/// A text without the link and without any other address that has a query.
fn without_address(text: &str, link: &BlobLink) -> String {
    let whole = link.0.secret();
    let query = whole.split_once('?').map_or("", |(_, query)| query);
    let mut text = text.replace(whole, "(link)");
    if query.len() >= 8 {
        text = text.replace(query, "(hidden)");
    }
    // `… for url (https://…)`, in whatever spelling.
    while let Some(start) = text.find("url (") {
        let end = text[start..].find(')').map_or(text.len(), |end| start + end + 1);
        text.replace_range(start..end, "(link)");
    }
    text
}

/// A file as the body of a request; copies read it from its beginning each on their own.
#[derive(Clone)]
struct FileBody {
    file: Arc<File>,
    at: u64,
    length: u64,
}

impl fmt::Debug for FileBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileBody")
    }
}

#[async_trait::async_trait]
impl SeekableStream for FileBody {
    async fn reset(&mut self) -> azure_core::Result<()> {
        self.at = 0;
        Ok(())
    }

    fn len(&self) -> Option<u64> {
        Some(self.length)
    }
}

impl AsyncRead for FileBody {
    /// Reads at once: what was written a moment ago to a file of a few megabytes is at hand.
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = read_at(&self.file, buffer, self.at);
        if let Ok(read) = read {
            self.at += read as u64;
        }
        Poll::Ready(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_keeps_a_link() {
        let link = BlobLink(azure_core::credentials::Secret::new(
            "https://a.blob.core.windows.net/c/b?sv=1&sig=Very%2FSecret".to_owned(),
        ));
        for text in [
            "error sending request for url (https://a.blob.core.windows.net/c/b?sv=1&sig=Very%2FSecret): reset",
            "https://a.blob.core.windows.net/c/b?sv=1&sig=Very%2FSecret",
            "sv=1&sig=Very%2FSecret is not good",
        ] {
            let told = without_address(text, &link);
            assert!(!told.contains("Secret"), "{told}");
        }
        assert_eq!(format!("{link:?}"), "BlobLink");
    }
}

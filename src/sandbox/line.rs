//! One connection of the served sandbox, below HTTP: when bytes have left, and how it ends.
//!
//! Hyper encodes an answer into a buffer and writes that to the socket later. Two things need to know
//! when it did: an announcement ("answer n has been written") and a body that is cut short (what was
//! sent must be on the wire before the connection closes). Both ask the [`Line`], which learns it from
//! the socket's flush: hyper, and the TLS layer above it, flush only after they have written all they hold.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

/// Lines for the standard output of `sandbox serve`.
pub(super) type Events = UnboundedSender<Json>;

/// What a connection's socket and the answers on it tell each other.
pub(super) struct Line {
    events: Events,
    state: Mutex<LineState>,
}

#[derive(Default)]
struct LineState {
    /// The answer whose last byte is in hyper's buffer, to be announced with the next flush.
    announce: Option<u64>,
    /// Whoever waits for the next flush, and whether it came.
    waiting: Option<Waker>,
    flushed: bool,
    /// Close with a reset (RST) instead of an orderly end (FIN).
    reset: bool,
}

impl Line {
    pub(super) fn new(events: Events) -> Arc<Line> {
        Arc::new(Line { events, state: Mutex::default() })
    }

    /// Announces answer `n` once everything that hyper holds now has been written.
    pub(super) fn announce(&self, n: u64) {
        self.lock().announce = Some(n);
    }

    /// Makes the connection end with a reset.
    pub(super) fn reset(&self) {
        self.lock().reset = true;
    }

    /// Ready once the socket has been flushed after the first call.
    fn poll_flushed(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if std::mem::take(&mut state.flushed) {
            return Poll::Ready(());
        }
        state.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    fn on_flush(&self) {
        let mut state = self.lock();
        if let Some(n) = state.announce.take() {
            // Nobody listens any more when the server is ending: nothing to announce then.
            let _ = self.events.send(json!({ "answered": n }));
        }
        if let Some(waker) = state.waiting.take() {
            state.flushed = true;
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection's socket, which reports to its [`Line`].
pub(super) struct Socket {
    tcp: TcpStream,
    line: Arc<Line>,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, line: Arc<Line>) -> Socket {
        Socket { tcp, line }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.lock().reset {
            // Failing this, the client sees an orderly end before any answer: an error to it as well.
            let _ = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.tcp).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.line.on_flush();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

/// The body of an answer.
pub(super) struct Outgoing {
    /// What is still to be handed to hyper.
    bytes: Option<Bytes>,
    /// The length that the head states.
    length: u64,
    /// Whether the connection ends after `bytes` although `length` says more.
    cut: bool,
    /// The number to announce once the body is written.
    announce: Option<u64>,
    line: Arc<Line>,
}

impl Outgoing {
    /// All of `body`; announced as answer `announce` when written.
    pub(super) fn whole(body: Vec<u8>, announce: Option<u64>, line: &Arc<Line>) -> Outgoing {
        Outgoing {
            length: body.len() as u64,
            bytes: (!body.is_empty()).then(|| body.into()),
            cut: false,
            announce,
            line: Arc::clone(line),
        }
    }

    /// The first `bytes` bytes of `body`, then the end of the connection. An empty body cannot be cut.
    pub(super) fn cut(body: Vec<u8>, bytes: usize, line: &Arc<Line>) -> Outgoing {
        let cut = !body.is_empty();
        let mut outgoing = Outgoing::whole(body, None, line);
        outgoing.cut = cut;
        if let Some(whole) = &mut outgoing.bytes {
            // At least one byte short: the whole of it would be no cut.
            whole.truncate(bytes.min(whole.len() - 1));
        }
        outgoing.bytes = outgoing.bytes.filter(|left| !left.is_empty());
        outgoing
    }

    /// Announces now: for an answer whose body hyper will not ask for.
    pub(super) fn announce_without_body(&self) {
        if let Some(n) = self.announce {
            self.line.announce(n);
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            self.announce_without_body();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        match self.line.poll_flushed(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

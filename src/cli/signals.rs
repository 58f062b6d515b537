//! SIGINT and SIGTERM: no new write, then an end within 2 s; a second one ends at once.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::watch;

use crate::execute::Interrupt;
use crate::report::Ending;

/// What an answer that is on its way gets before the run is cut off.
const GRACE: Duration = Duration::from_millis(1500);

/// The signals that came: how many, and what the first asked for.
type Arrived = Option<(usize, Ending)>;

/// The one listener of the process. Once a handler is installed the signal does not end the process by
/// itself any more, so one that comes between two waits must not be lost.
static LISTENER: OnceLock<watch::Sender<Arrived>> = OnceLock::new();

/// What has come so far and will come. Listens from the first call on, which must be in a runtime.
fn arrivals() -> watch::Receiver<Arrived> {
    LISTENER
        .get_or_init(|| {
            let arrived = watch::Sender::new(None);
            let count = arrived.clone();
            listen(move |ending| {
                count.send_modify(|arrived| {
                    *arrived = Some(arrived.map_or((1, ending), |(count, first)| (count + 1, first)));
                });
            });
            arrived
        })
        .subscribe()
}

#[cfg(unix)]
fn listen(tell: impl Fn(Ending) + Send + 'static) {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler a signal ends the process by itself.
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => tell(Ending::Interrupted),
                Some(()) = terminate.recv() => tell(Ending::Terminated),
                else => return,
            }
        }
    });
}

#[cfg(not(unix))]
fn listen(tell: impl Fn(Ending) + Send + 'static) {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            tell(Ending::Interrupted);
        }
    });
}

/// Ends when the `nth` signal has come.
async fn come(arrived: &mut watch::Receiver<Arrived>, nth: usize) -> Ending {
    match arrived.wait_for(|arrived| arrived.is_some_and(|(count, _)| count >= nth)).await.map(|seen| *seen) {
        Ok(Some((_, ending))) => ending,
        // The sender is never dropped.
        _ => std::future::pending().await,
    }
}

/// How a run ends that was asked to stop: by the first signal that came.
pub(super) fn ending() -> Ending {
    LISTENER.get().and_then(|arrived| *arrived.borrow()).map_or(Ending::Interrupted, |(_, first)| first)
}

/// The answer of `work`, or the signal that ended it: it is asked to stop, and cut off when it does
/// not within the grace.
pub(super) async fn until_signal<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = T>,
) -> Result<T, Ending> {
    let mut arrived = arrivals();
    tokio::pin!(work);
    tokio::select! {
        biased;
        ending = come(&mut arrived, 1) => {
            interrupt.request();
            // What it still finishes is in its record; how it ended does not matter any more.
            let again = come(&mut arrived, 2);
            tokio::select! {
                _ = tokio::time::timeout(GRACE, &mut work) => {}
                _ = again => {}
            }
            Err(ending)
        }
        done = &mut work => Ok(done),
    }
}

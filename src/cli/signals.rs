//! SIGINT and SIGTERM: no new write, then an end within 2 s.

use std::time::Duration;

use crate::execute::Interrupt;
use crate::report::Ending;

/// What an answer that is on its way gets before the run is cut off.
const GRACE: Duration = Duration::from_millis(1500);

/// Which signal came.
async fn signal() -> Ending {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut stream) => {
                    stream.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = terminate => Ending::Terminated,
            asked = tokio::signal::ctrl_c() => if asked.is_ok() { Ending::Interrupted } else { std::future::pending().await },
        }
    }
    #[cfg(not(unix))]
    {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Ending::Interrupted,
            Err(_) => std::future::pending().await,
        }
    }
}

/// The answer of `work`, or the signal that ended it: it is asked to stop, and cut off when it does
/// not within the grace.
pub(super) async fn until_signal<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = T>,
) -> Result<T, Ending> {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => Ok(done),
        ending = signal() => {
            interrupt.request();
            // What it still finishes is in its record; how it ended does not matter any more.
            let _ = tokio::time::timeout(GRACE, &mut work).await;
            Err(ending)
        }
    }
}

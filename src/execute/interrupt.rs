//! A request to stop: no new write after it.

use tokio::sync::watch;

/// Whether somebody asked to stop (SIGINT, SIGTERM). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Interrupt {
    sender: watch::Sender<bool>,
}

impl Default for Interrupt {
    fn default() -> Interrupt {
        Interrupt { sender: watch::Sender::new(false) }
    }
}

impl Interrupt {
    /// Asks to stop.
    pub fn request(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it was asked.
    pub fn requested(&self) -> bool {
        *self.sender.borrow()
    }

    /// Ends when it is asked.
    pub async fn wait(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = receiver.wait_for(|asked| *asked).await;
    }

    /// The answer of `future`, or `None` when it was asked to stop before.
    pub async fn or<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            output = future => Some(output),
        }
    }
}

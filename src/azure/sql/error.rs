//! How a database can refuse or fall silent, told apart by its error numbers
//! (<https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues>).

/// Why a batch gave no rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// Nothing was sent: the database may not be asked from here.
    #[error("{reason}")]
    NotAsked {
        /// Why.
        reason: String,
    },
    /// There is no connection, or it broke.
    #[error("{host}: {reason}")]
    Unreachable {
        /// The server.
        host: String,
        /// What happened, in one line.
        reason: String,
        /// Whether the batch may have arrived.
        sent: bool,
    },
    /// No answer in time.
    #[error("{host} did not answer in time on port 1433, which no HTTP proxy leads to")]
    Timeout {
        /// The server.
        host: String,
        /// Whether the batch may have arrived.
        sent: bool,
    },
    /// The server's firewall, or its closed public network.
    #[error("the server's network rules refuse this machine (error {number}: {message})")]
    Firewall {
        /// The server's error number.
        number: u32,
        /// What it said.
        message: String,
    },
    /// The caller is nobody the database knows.
    #[error("the caller may not log in (error {number}: {message})")]
    LoginFailed {
        /// The server's error number.
        number: u32,
        /// What it said.
        message: String,
    },
    /// The caller may log in, and not do this.
    #[error("the caller may not do this in the database (error {number}: {message})")]
    Denied {
        /// The server's error number.
        number: u32,
        /// What it said.
        message: String,
    },
    /// Anything else the server says.
    #[error("error {number}: {message}")]
    Server {
        /// The server's error number.
        number: u32,
        /// What it said.
        message: String,
    },
}

/// Firewall rules, and a public network that is closed.
const NETWORK: &[u32] = &[40_615, 40_914, 47_073, 40_532];
/// Login failed, no such database or none for this login, no user of the login in the database.
const LOGIN: &[u32] = &[18_456, 18_452, 4_060, 916, 33_134];
/// Permissions: on an object, for a statement, to alter a role or user (also told when it is not there).
const DENIED: &[u32] = &[229, 230, 262, 297, 300, 15_247, 15_151];
/// A database that is busy, moving or waking up
/// (<https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues#transient-fault-error-messages-40197-40613-and-others>).
const PASSING: &[u32] =
    &[926, 4_221, 10_928, 10_929, 40_197, 40_501, 40_540, 40_613, 42_108, 42_109, 49_918, 49_919, 49_920];

impl SqlError {
    /// The error of a server's own number and words.
    pub fn of(number: u32, message: impl Into<String>) -> SqlError {
        let message = message.into();
        if NETWORK.contains(&number) {
            SqlError::Firewall { number, message }
        } else if LOGIN.contains(&number) {
            SqlError::LoginFailed { number, message }
        } else if DENIED.contains(&number) {
            SqlError::Denied { number, message }
        } else {
            SqlError::Server { number, message }
        }
    }

    /// The server's own number.
    pub fn number(&self) -> Option<u32> {
        match self {
            SqlError::Firewall { number, .. }
            | SqlError::LoginFailed { number, .. }
            | SqlError::Denied { number, .. }
            | SqlError::Server { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// Whether the same batch may be answered in a moment: the database says so.
    pub fn may_pass(&self) -> bool {
        matches!(self, SqlError::Server { number, .. } if PASSING.contains(number))
    }

    /// Whether the batch, or its first statements, may have taken effect all the same.
    pub fn maybe_applied(&self) -> bool {
        match self {
            SqlError::Unreachable { sent, .. } | SqlError::Timeout { sent, .. } => *sent,
            SqlError::NotAsked { .. } | SqlError::Firewall { .. } | SqlError::LoginFailed { .. } => false,
            SqlError::Denied { .. } | SqlError::Server { .. } => true,
        }
    }

    /// The address that the firewall refused, as the server saw it; a proxy or gateway may stand before this
    /// machine.
    pub fn refused_address(&self) -> Option<std::net::IpAddr> {
        let SqlError::Firewall { message, .. } = self else { return None };
        message.split(['\'', ' ', '"']).find_map(|word| word.trim_end_matches('.').parse().ok())
    }

    /// The same error; a server's words made fit to be shown.
    pub(super) fn cleaned(mut self, clean: &dyn Fn(&str) -> String) -> SqlError {
        match &mut self {
            SqlError::NotAsked { reason: text }
            | SqlError::Unreachable { reason: text, .. }
            | SqlError::Firewall { message: text, .. }
            | SqlError::LoginFailed { message: text, .. }
            | SqlError::Denied { message: text, .. }
            | SqlError::Server { message: text, .. } => *text = clean(text),
            SqlError::Timeout { .. } => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_number() {
        let firewall = "Cannot open server 'sql-demo' requested by the login. Client with IP address '203.0.113.7' is not allowed to access the server.";
        let error = SqlError::of(40_615, firewall);
        assert_eq!(error.refused_address(), Some("203.0.113.7".parse().unwrap()));
        assert!(!error.may_pass() && !error.maybe_applied());
        assert!(matches!(SqlError::of(18_456, "Login failed"), SqlError::LoginFailed { .. }));
        assert!(matches!(SqlError::of(15_247, "no permission"), SqlError::Denied { .. }));
        let asleep = SqlError::of(40_613, "Database 'appdb' is not currently available.");
        assert!(asleep.may_pass() && asleep.refused_address().is_none());
        assert_eq!(SqlError::of(15_023, "exists").number(), Some(15_023));
    }
}

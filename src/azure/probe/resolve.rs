//! `--resolve HOST:PORT:ADDRESS`, as curl has it.

use std::net::{IpAddr, SocketAddr};

/// The port that apps answer https on.
const PORT: u16 = 443;

/// Where a host is looked for instead of asking for its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The host, in small letters.
    pub host: String,
    /// The address. Port 443, unless the address carries one of its own.
    pub address: SocketAddr,
}

/// Why a text is no `HOST:PORT:ADDRESS`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// It has not these three parts.
    #[error("it is not HOST:PORT:ADDRESS, such as myapp.example.com:443:127.0.0.1")]
    Form,
    /// The host is no name.
    #[error("`{0}` is no host name")]
    Host(String),
    /// The port is not 443.
    #[error("`{0}` is not 443, the port that checks go to")]
    Port(String),
    /// The address is none.
    #[error("`{0}` is no address: IPv4, or IPv6 in brackets, each also with a port of its own")]
    Address(String),
}

impl std::str::FromStr for Resolve {
    type Err = ResolveError;

    /// Takes curl's `HOST:PORT:ADDRESS`, IPv6 in brackets, and as an extension an address with a port of its
    /// own (`127.0.0.1:8443`), for servers that do not listen on 443.
    fn from_str(text: &str) -> Result<Resolve, ResolveError> {
        let (host, rest) = text.split_once(':').ok_or(ResolveError::Form)?;
        let (port, address) = rest.split_once(':').ok_or(ResolveError::Form)?;
        let name = |part: &str| {
            (1..=63).contains(&part.len())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        if host.len() > 253 || !host.split('.').all(name) {
            return Err(ResolveError::Host(host.to_owned()));
        }
        if port.parse() != Ok(PORT) {
            return Err(ResolveError::Port(port.to_owned()));
        }
        let address = address_of(address).ok_or_else(|| ResolveError::Address(address.to_owned()))?;
        Ok(Resolve { host: host.to_ascii_lowercase(), address })
    }
}

fn address_of(text: &str) -> Option<SocketAddr> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(SocketAddr::new(IpAddr::V6(inner.parse().ok()?), PORT));
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Some(SocketAddr::new(address.into(), PORT)),
        Ok(IpAddr::V6(_)) => None,
        Err(_) => text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::ResolveError as E;
    use super::*;

    #[test]
    fn an_address_is_taken_as_curl_has_it_or_with_a_port_of_its_own() {
        for (text, host, address) in [
            ("App.example:443:127.0.0.1", "app.example", "127.0.0.1:443"),
            ("app.example:443:[::1]", "app.example", "[::1]:443"),
            ("app.example:443:127.0.0.1:8443", "app.example", "127.0.0.1:8443"),
            ("a--b.example:443:[::1]:8443", "a--b.example", "[::1]:8443"),
        ] {
            let resolve: Resolve = text.parse().unwrap();
            assert_eq!(
                (resolve.host.as_str(), resolve.address.to_string().as_str()),
                (host, address),
                "{text}"
            );
        }
        for (text, error) in [
            ("", E::Form),
            ("app.example", E::Form),
            ("app.example:443", E::Form),
            (":443:127.0.0.1", E::Host(String::new())),
            ("a b:443:127.0.0.1", E::Host("a b".to_owned())),
            ("-:x:1", E::Port("x".to_owned())),
            ("app.example:80:127.0.0.1", E::Port("80".to_owned())),
            ("app.example:443:", E::Address(String::new())),
            ("app.example:443:::1", E::Address("::1".to_owned())),
            ("app.example:443:localhost", E::Address("localhost".to_owned())),
            ("app.example:443:127.0.0.1:0", E::Address("127.0.0.1:0".to_owned())),
            ("app.example:443:127.0.0.1,127.0.0.2", E::Address("127.0.0.1,127.0.0.2".to_owned())),
        ] {
            assert_eq!(text.parse::<Resolve>(), Err(error), "{text}");
        }
    }
}

//! `--resolver ADDRESS[:PORT]`.

use std::net::{IpAddr, SocketAddr};

/// The port that name servers answer at.
const PORT: u16 = 53;

/// Why a text is no name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// It is no literal address.
    #[error("it is no address: IPv4, or IPv6 in brackets, each also with a port of its own")]
    Address,
    /// Nothing listens at the port 0.
    #[error("0 is no port")]
    Port,
}

/// The name server that is meant by a literal address, `[::1]` and `[::1]:5353` for IPv6; a name would have to be
/// resolved first, and by whom?
///
/// # Errors
/// It is none.
pub fn name_server(text: &str) -> Result<SocketAddr, ServerError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return if address.port() == 0 { Err(ServerError::Port) } else { Ok(address) };
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address: IpAddr = bare.parse().map_err(|_| ServerError::Address)?;
    if bare.len() < text.len() && address.is_ipv4() {
        return Err(ServerError::Address);
    }
    Ok(SocketAddr::new(address, PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_addresses_are_name_servers() {
        for (text, address) in [
            ("10.0.0.4", "10.0.0.4:53"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
        ] {
            assert_eq!(name_server(text).unwrap().to_string(), address, "{text}");
        }
        for text in
            ["", "ns1.contoso.example", "localhost:53", "10.0.0.4:", "10.0.0.4:0", "[10.0.0.4]", "10.0.0"]
        {
            assert!(name_server(text).is_err(), "{text}");
        }
    }
}

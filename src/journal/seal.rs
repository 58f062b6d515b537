//! What vouches for the lines of a journal: each ends with a member `mac`, an HMAC with the folder's key over the one
//! of the line before and the line itself. So an undo writes to Azure only what a run of this folder wrote down. A
//! journal that ends early is whole as far as it goes: its run was killed, or somebody cut it.

use super::Key;

/// How the last member of a line begins.
const MEMBER: &[u8] = br#","mac":""#;

/// How the line ends after it.
const END: &[u8] = br#""}"#;

/// How long the text of an HMAC is.
const LENGTH: usize = 64;

/// A line with its newline, and what the next one goes on from. `line` is an object with members.
pub(super) fn sealed(key: &Key, before: &str, line: Vec<u8>) -> (Vec<u8>, String) {
    let mac = key.mac(before, &line);
    let mut line = line;
    line.pop();
    line.extend_from_slice(MEMBER);
    line.extend_from_slice(mac.as_bytes());
    line.extend_from_slice(END);
    line.push(b'\n');
    (line, mac)
}

/// A line, without its newline, as it was before it got its HMAC, and that.
pub(super) fn of(line: &[u8]) -> Option<(Vec<u8>, &str)> {
    let rest = line.strip_suffix(END)?;
    let (rest, mac) = rest.split_at_checked(rest.len().checked_sub(LENGTH)?)?;
    let mut body = rest.strip_suffix(MEMBER)?.to_vec();
    body.push(b'}');
    Some((body, std::str::from_utf8(mac).ok()?))
}

/// The number of the first line that the key does not vouch for; a last line without a newline is none.
pub(super) fn broken(key: &Key, bytes: &[u8]) -> Option<usize> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or_default();
    let mut before = String::new();
    for (number, line) in (1..).zip(bytes[..whole].split(|byte| *byte == b'\n')) {
        match of(line) {
            Some((body, mac)) if key.mac(&before, &body) == mac => mac.clone_into(&mut before),
            _ => return Some(number),
        }
    }
    None
}

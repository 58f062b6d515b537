//! What stands for a value that must not be kept: its HMAC-SHA-256, with a key that never leaves the state folder.
//! It says whether a value is still the same, and without the key not even that.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;

use super::private;
use super::{JournalError, Kept};
use crate::value::Value;

/// The key's length in bytes: the block of SHA-256, so that it goes in as it is.
const LENGTH: usize = 64;

/// The key of a state folder.
#[derive(Clone)]
pub struct Key([u8; LENGTH]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// The key in `path`, made if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub(super) fn open(path: &Path) -> Result<Key, JournalError> {
        match Key::read(path) {
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let key = Key::random();
        let written = private::folder_of(path).and_then(|folder| {
            let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(folder)?;
            file.write_all(hex(&key.0).as_bytes())?;
            file.as_file().sync_all()?;
            Ok(file)
        });
        let file = written.map_err(|source| JournalError::io(path, source))?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(key),
            // Another run was first.
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Key::read(path),
            Err(failed) => Err(JournalError::io(path, failed.error)),
        }
    }

    fn read(path: &Path) -> Result<Key, JournalError> {
        let failed = |source| JournalError::io(path, source);
        let mut text = String::new();
        let file = private::open_options().read(true).open(path).map_err(failed)?;
        file.take(4 * LENGTH as u64).read_to_string(&mut text).map_err(failed)?;
        let damaged = || JournalError::Key { path: path.to_owned() };
        let text = text.trim_end();
        let bytes = (text.len() == 2 * LENGTH && text.is_ascii()).then(|| {
            (0..LENGTH)
                .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok())
                .collect::<Option<Vec<_>>>()
        });
        let bytes = bytes.flatten().ok_or_else(damaged)?;
        bytes.try_into().map(Key).map_err(|_| damaged())
    }

    /// Four random UUIDs: 488 random bits.
    pub(super) fn random() -> Key {
        let mut key = [0; LENGTH];
        for part in key.chunks_mut(16) {
            part.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        }
        Key(key)
    }

    /// What stands for `value`; the same for the same value, in whatever order its members are.
    pub fn hide(&self, value: &Json) -> String {
        let mut mac = Hmac::<Sha256>::new((&self.0).into());
        mac.update(canonical(value).as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// What vouches for a line that follows the one with `before`.
    pub(super) fn mac(&self, before: &str, line: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new((&self.0).into());
        // No value that is hidden begins like this.
        mac.update(b"line\0");
        mac.update(before.as_bytes());
        mac.update(b"\0");
        mac.update(line);
        hex(&mac.finalize().into_bytes())
    }

    /// `value` as a journal keeps it: in the open only where no part of it is a secret, somebody else's, or the
    /// content of a file.
    pub fn keep(&self, value: &Value) -> Kept {
        if value.is_null() {
            return Kept::Absent;
        }
        match value.to_json() {
            None => Kept::Unknown,
            Some(json) if value.contains_hidden() || value.contains_file() => Kept::Hidden(self.hide(&json)),
            Some(json) => Kept::Value(json),
        }
    }

    /// Whether `value` is what was kept; `None` when that cannot be told.
    pub fn same(&self, kept: &Kept, value: &Value) -> Option<bool> {
        let json = value.to_json()?;
        match kept {
            Kept::Absent => Some(json.is_null()),
            Kept::Value(kept) => Some(canonical(kept) == canonical(&json)),
            Kept::Hidden(hmac) => Some(*hmac == self.hide(&json)),
            Kept::Unknown => None,
        }
    }
}

/// JSON with its members in the order of their names.
fn canonical(value: &Json) -> String {
    match value {
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Json::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Json::Array(elements) => {
            format!("[{}]", elements.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::{Data, Marks, Origin};

    #[test]
    fn only_what_nobody_minds_is_kept_in_the_open() {
        let key = Key::random();
        let plain = Value::from(json!({ "b": 1, "a": [true] }));
        assert_eq!(key.keep(&plain), Kept::Value(json!({ "b": 1, "a": [true] })));
        assert_eq!(key.keep(&Value::null().mark(Marks::SECRET)), Kept::Absent);
        assert_eq!(key.keep(&Value::unknown(Origin::Read)), Kept::Unknown);
        for marks in [Marks::SECRET, Marks::EXISTING, Marks::FILE] {
            let within = Value::new(Data::List(vec![Value::from("x"), Value::from("hunter2").mark(marks)]));
            let Kept::Hidden(hmac) = key.keep(&within) else { panic!("kept in the open") };
            assert!(!hmac.contains("hunter2"));
            assert_eq!(
                key.same(&Kept::Hidden(hmac.clone()), &Value::from(json!(["x", "hunter2"]))),
                Some(true)
            );
            assert_eq!(
                key.same(&Kept::Hidden(hmac.clone()), &Value::from(json!(["x", "hunter3"]))),
                Some(false)
            );
            assert_ne!(Key::random().hide(&json!(["x", "hunter2"])), hmac, "another key");
        }
    }

    #[test]
    fn members_have_no_order() {
        let key = Key::random();
        assert_eq!(key.hide(&json!({ "a": 1, "b": {} })), key.hide(&json!({ "b": {}, "a": 1 })));
        assert_ne!(key.hide(&json!({ "a": 1 })), key.hide(&json!({ "a": "1" })));
        assert_eq!(
            key.same(&Kept::Value(json!({ "a": 1, "b": 2 })), &Value::from(json!({ "b": 2, "a": 1 }))),
            Some(true)
        );
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = Key::open(&path).unwrap();
        assert_eq!(Key::open(&path).unwrap().0, key.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for wrong in ["", "zz", &"é".repeat(LENGTH), &"0".repeat(2 * LENGTH + 2)] {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(Key::open(&path), Err(JournalError::Key { .. })), "{wrong}");
        }
    }
}

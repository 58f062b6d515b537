//! Local files: regular ones, beneath their folder, not too long. What cannot be read is a fact.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use serde_json::json;

use crate::facts::{FILE, Fact, Read};
use crate::value::{Value, strip_control};

/// The longest file that is read.
const MAX_BYTES: usize = 1024 * 1024;

/// The most names of a folder that are listed, and how deep.
const MAX_ENTRIES: usize = 20_000;
const MAX_DEPTH: usize = 16;

/// The content of a file. `base`: where a relative folder begins.
pub(super) fn file(base: &Path, read: &Read) -> Fact {
    match content(&base.join(&read.path), Path::new(read.parameter(FILE))) {
        Ok(bytes) => Fact::content(&bytes),
        Err(fact) => fact,
    }
}

fn content(folder: &Path, name: &Path) -> Result<Vec<u8>, Fact> {
    let real = beneath(folder, name)?;
    // Before it is opened: opening a pipe waits for a writer.
    if !fs::metadata(&real).map_err(|error| unreadable(&error))?.is_file() {
        return Err(failed("is not a file"));
    }
    let opened = File::open(&real).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long from one that just fits.
    opened.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_BYTES {
        return Err(failed(&format!("has more than the {} KiB that are read", MAX_BYTES / 1024)));
    }
    Ok(bytes)
}

/// The real place of `name`, which must lie beneath `folder`.
fn beneath(folder: &Path, name: &Path) -> Result<PathBuf, Fact> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let within = folder.canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => absent("FolderNotFound"),
        _ => unreadable(&error),
    })?;
    if !name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(failed("leads out of the folder"));
    }
    let real = within.join(name).canonicalize().map_err(|error| unreadable(&error))?;
    if real.starts_with(within) { Ok(real) } else { Err(failed("is a link that leads out of the folder")) }
}

/// The names beneath a folder. `base`: where a relative one begins.
pub(super) fn folder(base: &Path, read: &Read) -> Fact {
    let joined = base.join(&read.path);
    let root = match beneath(&joined, Path::new(".")) {
        Ok(root) => root,
        Err(fact) => return fact,
    };
    if !root.is_dir() {
        return failed("is not a folder");
    }
    let mut entries = Vec::new();
    let mut complete = true;
    let mut open = vec![(root, String::new(), 0)];
    while let Some((folder, before, depth)) = open.pop() {
        let Ok(found) = fs::read_dir(&folder) else {
            complete = false;
            continue;
        };
        let mut found: Vec<_> = found.filter_map(Result::ok).collect();
        found.sort_by_key(fs::DirEntry::file_name);
        for entry in found {
            if entries.len() == MAX_ENTRIES {
                complete = false;
                break;
            }
            let name = entry.file_name();
            let path = format!("{before}{}", name.to_string_lossy());
            // Of the entry itself: a link is not followed.
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_dir() => "folder",
                Ok(kind) if kind.is_file() => "file",
                _ => "other",
            };
            if kind == "folder" {
                let closed = name == ".git" || entry.path().join("pyvenv.cfg").is_file();
                let deep = depth == MAX_DEPTH;
                complete &= !deep;
                if !closed && !deep {
                    open.push((entry.path(), format!("{path}/"), depth + 1));
                }
            }
            entries.push(json!({ "path": path, "kind": kind }));
        }
    }
    Fact::Found(Value::from(json!({ "entries": entries, "complete": complete })))
}

fn unreadable(error: &std::io::Error) -> Fact {
    match error.kind() {
        ErrorKind::NotFound => absent("FileNotFound"),
        _ => failed(&format!("cannot be read: {error}")),
    }
}

fn absent(code: &str) -> Fact {
    Fact::Absent { code: code.to_owned() }
}

/// In words that go on after "the file …".
fn failed(message: &str) -> Fact {
    Fact::Failed { message: strip_control(message), code: None, correlation_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, name: &str) -> Fact {
        file(Path::new(""), &Read::file(&folder.display().to_string(), name))
    }

    fn why(fact: &Fact) -> String {
        match fact {
            Fact::Absent { code } => code.clone(),
            Fact::Failed { message, .. } => message.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_read_to_its_last_byte_and_none_beyond_the_limit() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        fs::write(folder.join("Exact"), [0xff, 0, b'\n']).unwrap();
        assert_eq!(read(folder, "Exact").bytes().unwrap(), [0xff, 0, b'\n']);
        assert_eq!(read(folder, "./Exact").bytes().unwrap().len(), 3);
        fs::write(folder.join("fits"), vec![b'x'; MAX_BYTES]).unwrap();
        assert_eq!(read(folder, "fits").bytes().unwrap().len(), MAX_BYTES);
        fs::write(folder.join("long"), vec![b'x'; MAX_BYTES + 1]).unwrap();
        assert!(why(&read(folder, "long")).contains("1024 KiB"));
        // Relative to where the executor says.
        let relative = Read::file("sub", "a");
        fs::create_dir(folder.join("sub")).unwrap();
        fs::write(folder.join("sub/a"), "a").unwrap();
        assert_eq!(file(folder, &relative).bytes().unwrap(), b"a");
    }

    #[test]
    fn what_is_not_there_is_told_from_what_may_not_be_read() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        fs::create_dir(folder.join("sub")).unwrap();
        assert_eq!(why(&read(folder, "none")), "FileNotFound");
        assert_eq!(why(&read(&folder.join("none"), "a")), "FolderNotFound");
        assert_eq!(why(&read(folder, "sub")), "is not a file");
    }

    #[cfg(unix)]
    #[test]
    fn no_path_and_no_link_leads_out() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("in");
        fs::create_dir(&folder).unwrap();
        fs::write(scratch.path().join("secret"), "secret").unwrap();
        fs::write(folder.join("own"), "own").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("out")).unwrap();
        std::os::unix::fs::symlink("own", folder.join("within")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        for name in ["../secret", "/etc/passwd", "out", "up/secret", "sub/../../secret"] {
            assert!(why(&read(&folder, name)).contains("leads out"), "{name}");
        }
        assert_eq!(read(&folder, "within").bytes().unwrap(), b"own");
        let listed = super::folder(Path::new(""), &Read::folder(&folder.display().to_string()));
        let listed = format!("{:?}", listed.value().unwrap());
        assert!(listed.contains("own") && !listed.contains("secret"), "{listed}");
    }

    #[test]
    fn a_folder_is_listed_without_what_belongs_to_tools() {
        let scratch = tempfile::tempdir().unwrap();
        for folder in [".git/objects", "env/lib", "src/deep"] {
            fs::create_dir_all(scratch.path().join(folder)).unwrap();
        }
        for file in [".git/objects/x", "env/pyvenv.cfg", "env/lib/x.py", "src/deep/b.py", "a.py"] {
            fs::write(scratch.path().join(file), "").unwrap();
        }
        let fact = folder(scratch.path(), &Read::folder("."));
        let value = fact.value().unwrap();
        let entries = value.get("entries").and_then(Value::as_list).unwrap();
        let mut paths: Vec<&str> = entries.iter().filter_map(|entry| entry.text_at(&["path"])).collect();
        paths.sort_unstable();
        assert_eq!(paths, [".git", "a.py", "env", "src", "src/deep", "src/deep/b.py"]);
        assert_eq!(value.get("complete").and_then(Value::truthy), Some(true));
    }
}

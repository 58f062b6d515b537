//! Local files: regular ones, beneath their folder, called as what they are read as, not too long. What cannot be read
//! is a fact.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::{Executor, Failure};
use crate::facts::{Content, FILE, Fact, Read, Shape};
use crate::requirements::MAX_BYTES;
use crate::value::{Value, strip_control};
use crate::{dockerfile, requirements};

/// The most names of a folder that are listed, and how deep.
const MAX_ENTRIES: usize = 20_000;
const MAX_DEPTH: usize = 16;

impl Executor {
    /// A file, or the names in a folder. Read where a disk that does not answer keeps nobody else from going on: until
    /// the deadline, and not after somebody asked to stop.
    pub(super) async fn local(&self, read: &Read) -> Result<Fact, Failure> {
        let (working, asked) = (self.folder.clone(), read.clone());
        let work = tokio::task::spawn_blocking(move || match asked.shape {
            Shape::Folder => folder(&working, &asked),
            _ => file(&working, &asked),
        });
        // In real time, whatever the clock of the run is: a disk knows no other.
        let left: Duration = (self.deadline - self.clock.now()).try_into().unwrap_or_default();
        match tokio::time::timeout(left.max(LEAST), work).await {
            Ok(Ok(fact)) => Ok(fact),
            Ok(Err(error)) => Ok(failed(&format!("cannot be read: {error}"))),
            Err(_) => {
                let path = in_words(read);
                Err(Failure::deadline(&format!("reading {path}")))
            }
        }
    }
}

/// What a read may take where the deadline has come already.
const LEAST: Duration = Duration::from_secs(5);

fn in_words(read: &Read) -> String {
    let path = Path::new(read.local_path().written()).join(read.parameter(FILE));
    strip_control(&path.display().to_string())
}

/// The content of a file. `working`: where the command runs.
fn file(working: &Path, read: &Read) -> Fact {
    match content(working, read) {
        Ok(bytes) => Fact::content(&bytes),
        Err(fact) => fact,
    }
}

fn content(working: &Path, read: &Read) -> Result<Vec<u8>, Fact> {
    let named = Named::of(read);
    let name = Path::new(read.parameter(FILE));
    // Before anything is looked at: whether a file is there is something, too.
    named.check(name)?;
    let root = root(working, read)?;
    let real = within(&root, name)?;
    // What a link leads to has a name of its own.
    named.check(real.strip_prefix(&root).unwrap_or(&real))?;
    let opened = open(&root, &real).map_err(|error| unreadable(&error))?;
    if !opened.metadata().map_err(|error| unreadable(&error))?.is_file() {
        return Err(failed("is not a file"));
    }
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long from one that just fits.
    opened.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_BYTES {
        return Err(failed(&format!("has more than the {} KiB that are read", MAX_BYTES / 1024)));
    }
    Ok(bytes)
}

/// What files may be called that are read as something.
struct Named {
    fits: fn(&str) -> bool,
    names: &'static str,
}

impl Named {
    fn of(read: &Read) -> Named {
        match Content::of(read) {
            Some(Content::Requirements) => {
                Named { fits: requirements::is_named_so, names: requirements::NAMES }
            }
            Some(Content::Dockerfile) => Named { fits: dockerfile::is_named_so, names: dockerfile::NAMES },
            Some(Content::Ignore) => {
                Named { fits: |name| name.ends_with(".dockerignore"), names: "*.dockerignore" }
            }
            Some(Content::Python) => Named {
                fits: |name| {
                    name.rsplit_once('.').is_some_and(|(_, end)| end == "py")
                        && !dockerfile::rules::is_secret(name)
                },
                names: "*.py",
            },
            None => Named { fits: |_| false, names: "none" },
        }
    }

    fn check(&self, path: &Path) -> Result<(), Fact> {
        let parts = || path.components().map(|part| part.as_os_str().to_string_lossy());
        let secret = parts().any(|part| dockerfile::rules::is_secret(&part));
        if !secret && parts().next_back().is_some_and(|name| (self.fits)(&name)) {
            return Ok(());
        }
        Err(failed(&format!(
            "is not called, or leads to what is not called, as what is read here: {}",
            self.names
        )))
    }
}

/// The real folder that a read begins in, which lies in what it must lie in.
fn root(working: &Path, read: &Read) -> Result<PathBuf, Fact> {
    let real = |path: &Path| {
        path.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound => absent("FolderNotFound"),
            _ => unreadable(&error),
        })
    };
    let (path, within) = read.local_path().place(working);
    let root = real(&path)?;
    match within {
        Some(within) if !root.starts_with(real(&within)?) => {
            Err(failed("lies in a folder that only the caller may name"))
        }
        _ => Ok(root),
    }
}

/// The real place of `name`, which must lie in `root`, a real folder.
fn within(root: &Path, name: &Path) -> Result<PathBuf, Fact> {
    if !name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(failed("leads out of the folder"));
    }
    let real = root.join(name).canonicalize().map_err(|error| unreadable(&error))?;
    if real.starts_with(root) { Ok(real) } else { Err(failed("is a link that leads out of the folder")) }
}

/// Opens a file by its real path in `root`, part by part: what became a link since is not followed, and a pipe
/// not waited for.
#[cfg(unix)]
fn open(root: &Path, real: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};

    let inner = real.strip_prefix(root).map_err(io::Error::other)?;
    let folder = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut at = openat(CWD, root, folder, Mode::empty())?;
    if let Some(above) = inner.parent() {
        for part in above.components() {
            at = openat(&at, part.as_os_str(), folder | OFlags::NOFOLLOW, Mode::empty())?;
        }
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let name = inner.file_name().ok_or(ErrorKind::IsADirectory)?;
    Ok(File::from(openat(&at, name, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open(_: &Path, real: &Path) -> io::Result<File> {
    if fs::symlink_metadata(real)?.is_file() { File::open(real) } else { Err(ErrorKind::InvalidInput.into()) }
}

/// The names beneath a folder. `working`: where the command runs.
fn folder(working: &Path, read: &Read) -> Fact {
    let root = match root(working, read) {
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
        // One more than is listed tells that there is more.
        let left = MAX_ENTRIES - entries.len();
        let mut found: Vec<_> = found.filter_map(Result::ok).take(left + 1).collect();
        complete &= found.len() <= left;
        found.sort_by_key(fs::DirEntry::file_name);
        for entry in found.into_iter().take(left) {
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
    use crate::facts::LocalPath;

    fn typed(folder: &Path) -> LocalPath {
        LocalPath::Typed(folder.display().to_string())
    }

    fn read(folder: &Path, name: &str) -> Fact {
        file(Path::new(""), &Read::file(&typed(folder), Content::Requirements, name))
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
        fs::write(folder.join("Exact.txt"), [0xff, 0, b'\n']).unwrap();
        assert_eq!(read(folder, "Exact.txt").bytes().unwrap(), [0xff, 0, b'\n']);
        assert_eq!(read(folder, "./Exact.txt").bytes().unwrap().len(), 3);
        fs::write(folder.join("fits.txt"), vec![b'x'; MAX_BYTES]).unwrap();
        assert_eq!(read(folder, "fits.txt").bytes().unwrap().len(), MAX_BYTES);
        fs::write(folder.join("long.txt"), vec![b'x'; MAX_BYTES + 1]).unwrap();
        assert!(why(&read(folder, "long.txt")).contains("1024 KiB"));
        // Relative to where the executor says.
        let relative = Read::file(&LocalPath::Working("sub".to_owned()), Content::Requirements, "a.txt");
        fs::create_dir(folder.join("sub")).unwrap();
        fs::write(folder.join("sub/a.txt"), "a").unwrap();
        assert_eq!(file(folder, &relative).bytes().unwrap(), b"a");
    }

    #[test]
    fn what_is_not_there_is_told_from_what_may_not_be_read() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        fs::create_dir(folder.join("sub.txt")).unwrap();
        assert_eq!(why(&read(folder, "none.txt")), "FileNotFound");
        assert_eq!(why(&read(&folder.join("none"), "a.txt")), "FolderNotFound");
        assert_eq!(why(&read(folder, "sub.txt")), "is not a file");
    }

    #[cfg(unix)]
    #[test]
    fn no_path_and_no_link_leads_out() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("in");
        fs::create_dir(&folder).unwrap();
        fs::write(scratch.path().join("secret.txt"), "secret").unwrap();
        fs::write(folder.join("own.txt"), "own").unwrap();
        std::os::unix::fs::symlink("../secret.txt", folder.join("out.txt")).unwrap();
        std::os::unix::fs::symlink("own.txt", folder.join("within.txt")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        for name in ["../secret.txt", "/etc/passwd.txt", "out.txt", "up/secret.txt", "sub/../../secret.txt"] {
            assert!(why(&read(&folder, name)).contains("leads out"), "{name}");
        }
        assert_eq!(read(&folder, "within.txt").bytes().unwrap(), b"own");
        let listed = super::folder(Path::new(""), &Read::folder(&typed(&folder)));
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
        let fact = folder(scratch.path(), &Read::folder(&LocalPath::Working(".".to_owned())));
        let value = fact.value().unwrap();
        let entries = value.get("entries").and_then(Value::as_list).unwrap();
        let mut paths: Vec<&str> = entries.iter().filter_map(|entry| entry.text_at(&["path"])).collect();
        paths.sort_unstable();
        assert_eq!(paths, [".git", "a.py", "env", "src", "src/deep", "src/deep/b.py"]);
        assert_eq!(value.get("complete").and_then(Value::truthy), Some(true));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_opened_that_is_called_or_leads_to_something_otherwise() {
        use std::os::unix::fs::symlink;

        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        for name in
            [".env", "credentials", ".env.txt", "id_rsa", "a.py", "Dockerfile", "x.dockerignore", "b.in"]
        {
            fs::write(folder.join(name), "hunter2").unwrap();
        }
        fs::create_dir_all(folder.join(".env.d/x")).unwrap();
        fs::write(folder.join(".env.d/x/r.txt"), "hunter2").unwrap();
        symlink(".env", folder.join("requirements.txt")).unwrap();
        symlink("b.in", folder.join("fine.txt")).unwrap();
        symlink("credentials", folder.join("my.Dockerfile")).unwrap();
        symlink(".env", folder.join("app.py")).unwrap();
        let cases: [(Content, &[&str], &[&str]); 4] = [
            (
                Content::Requirements,
                &["b.in", "fine.txt"],
                &[
                    ".env",
                    "credentials",
                    ".env.txt",
                    "requirements.txt",
                    "a.py",
                    "id_rsa",
                    ".env.d/x/r.txt",
                    "gone",
                ],
            ),
            (Content::Dockerfile, &["Dockerfile"], &["my.Dockerfile", "b.in", ".env"]),
            (Content::Ignore, &["x.dockerignore"], &["b.in", "Dockerfile"]),
            (Content::Python, &["a.py"], &["app.py", ".env"]),
        ];
        for (content, read, refused) in cases {
            let get = |name: &str| file(Path::new(""), &Read::file(&typed(folder), content, name));
            for name in read {
                assert_eq!(get(name).bytes().unwrap(), b"hunter2", "{content:?} {name}");
            }
            for name in refused {
                assert!(why(&get(name)).contains("is not called"), "{content:?} {name}: {}", why(&get(name)));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_a_recipe_says_stays_where_it_may_say_it_whatever_links_lie_there() {
        use std::os::unix::fs::symlink;

        let scratch = tempfile::tempdir().unwrap();
        let at = |path: &str| scratch.path().join(path);
        for folder in ["recipe/app", "here/app", "elsewhere"] {
            fs::create_dir_all(at(folder)).unwrap();
            fs::write(at(folder).join("r.txt"), folder).unwrap();
        }
        for place in ["recipe", "here"] {
            symlink("../elsewhere", at(place).join("out")).unwrap();
            symlink("app", at(place).join("in")).unwrap();
        }
        let get = |path: &LocalPath| file(&at("here"), &Read::file(path, Content::Requirements, "r.txt"));
        let beneath = |path: &str| LocalPath::Beneath { folder: at("recipe"), path: path.to_owned() };
        let working = |path: &str| LocalPath::Working(path.to_owned());
        for path in ["app", "in"] {
            assert_eq!(get(&beneath(path)).bytes().unwrap(), b"recipe/app");
            assert_eq!(get(&working(path)).bytes().unwrap(), b"here/app");
        }
        for path in [beneath("out"), working("out"), beneath("../here/app"), working("../recipe/app")] {
            assert!(why(&get(&path)).contains("only the caller may name"), "{path:?}: {}", why(&get(&path)));
            let listed = super::folder(&at("here"), &Read::folder(&path));
            assert!(why(&listed).contains("only the caller may name"), "{path:?}");
        }
        assert_eq!(get(&LocalPath::Typed("out".to_owned())).bytes().unwrap(), b"elsewhere");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let pipe = scratch.path().join("r.txt");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        // Past the look before, as if it had become one in between.
        let opened = open(scratch.path(), &pipe).unwrap();
        assert!(!opened.metadata().unwrap().is_file());
        assert_eq!(why(&read(scratch.path(), "r.txt")), "is not a file");
        // Nor is a link followed that was none when the path was resolved.
        std::os::unix::fs::symlink("/etc", scratch.path().join("up")).unwrap();
        assert!(open(scratch.path(), &scratch.path().join("up/passwd")).is_err());
    }
}

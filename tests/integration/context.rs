//! The folder that an image is built from: what is sent of it, and that the same files give the same bytes.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use acarecipe::context::{Context, ContextError, Ignore, Kind, LARGEST};
use proptest::prelude::*;
use tempfile::TempDir;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn open(folder: &Path) -> Result<Context, ContextError> {
    Context::open(folder, "Dockerfile", None)
}

/// Paths of the files and links that are sent.
fn sent(folder: &Path) -> Vec<String> {
    let context = open(folder).unwrap();
    let files = context.entries().iter().filter(|entry| entry.kind != Kind::Folder);
    files.map(|entry| entry.path.clone()).collect()
}

#[test]
fn an_ignore_file_is_read_as_docker_reads_it() {
    // https://docs.docker.com/build/concepts/context/#dockerignore-files, and moby/patternmatcher's own rules.
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("", &[], &["a", "a/b"]),
        ("# a\na", &["a", "a/b"], &["# a", "b"]),
        (" # no comment: the sign is not first", &["# no comment: the sign is not first"], &["a"]),
        ("  a  \n\n", &["a"], &["b"]),
        ("/a\nb/", &["a", "b", "b/c"], &["c/a"]),
        ("./a/../b", &["b"], &["a"]),
        ("*.md", &["x.md"], &["d/x.md"]),
        ("*/temp*", &["d/temporary", "d/temp/x"], &["temp", "d/e/temp"]),
        ("*/*/temp*", &["d/e/temporary"], &["d/temp"]),
        ("temp?", &["tempa", "tempb/x"], &["temp", "tempab", "temp/"]),
        ("**/*.go", &["x.go", "d/x.go", "d/e/x.go"], &["x.gox"]),
        ("**/node_modules", &["node_modules/x", "d/node_modules/x"], &["node_modulesx"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "b"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/x/bc"]),
        ("**", &["a", "a/b"], &[]),
        ("[a-c]x\n[^d]y", &["ax", "cx", "ey"], &["dx", "dy"]),
        ("a\\*b", &["a*b"], &["axb"]),
        ("*.md\n!README.md", &["x.md"], &["README.md"]),
        ("*.md\n!README*.md\nREADME-secret.md", &["README-secret.md", "x.md"], &["README.md"]),
        ("*.md\nREADME-secret.md\n!README*.md", &["x.md"], &["README-secret.md", "README.md"]),
        ("build\n!build/keep", &["build/x"], &["build/keep", "build/keep/y"]),
        ("*\n!src\n!src/**", &["a"], &["src", "src/a", "src/b/c"]),
        ("!  b", &[], &["b"]),
        ("ä*", &["äpfel"], &["apfel"]),
        ("\u{feff}a", &["a"], &["b"]),
        (".", &[], &["a"]),
        ("../a.txt", &[], &["a.txt", "b/a.txt"]),
        ("b/../../a.txt", &[], &["a.txt", "b/a.txt"]),
        ("b/../a.txt", &["a.txt"], &["b/a.txt"]),
        ("/../a.txt", &["a.txt"], &["b/a.txt"]),
        ("a?c", &["abc"], &["a/c"]),
    ];
    for (text, out, within) in cases {
        let ignore = Ignore::parse(text).unwrap();
        for path in *out {
            assert!(ignore.excludes(path), "{text:?} leaves {path} out");
        }
        for path in *within {
            assert!(!ignore.excludes(path), "{text:?} sends {path}");
        }
    }
    for (text, line) in [("a\n[b", 2), ("!", 1), ("x[]", 1), ("a\\", 1)] {
        assert_eq!(Ignore::parse(text).unwrap_err().line, line, "{text:?}");
    }
}

#[test]
fn a_pattern_of_many_stars_takes_no_time() {
    let ignore = Ignore::parse(&"*a".repeat(200)).unwrap();
    assert!(!ignore.excludes(&"a".repeat(150)));
    let deep = Ignore::parse(&"**/a/".repeat(60)).unwrap();
    assert!(!deep.excludes(&"a/".repeat(50)));
}

#[test]
fn what_is_left_out_stays_and_dockerfile_and_ignore_file_always_go() {
    let folder = folder(&[
        ("Dockerfile", "FROM x"),
        (".dockerignore", "*\n!src\nsrc/secret\n!src/deep/**/keep.txt"),
        ("src/a", ""),
        ("src/secret/b", ""),
        ("src/deep/x/keep.txt", ""),
        ("other/c", ""),
    ]);
    assert_eq!(sent(folder.path()), [".dockerignore", "Dockerfile", "src/a", "src/deep/x/keep.txt"]);
    // Beside a Dockerfile of another name its own file counts, and the general one does not.
    std::fs::write(folder.path().join("web.Dockerfile"), "FROM y").unwrap();
    std::fs::write(folder.path().join("web.Dockerfile.dockerignore"), "src\nother\n.dockerignore").unwrap();
    let context = Context::open(folder.path(), "web.Dockerfile", None).unwrap();
    let names: Vec<&str> = context.entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, ["Dockerfile", "web.Dockerfile", "web.Dockerfile.dockerignore"]);
}

#[test]
fn something_kept_below_an_excluded_folder_takes_its_folders_along() {
    let folder = folder(&[
        ("Dockerfile", ""),
        (".dockerignore", "big\n!big/a/keep"),
        ("big/a/keep", "1"),
        ("big/b/gone", "2"),
    ]);
    let context = open(folder.path()).unwrap();
    let names: Vec<&str> = context.entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, [".dockerignore", "Dockerfile", "big", "big/a", "big/a/keep"]);
}

#[test]
fn a_context_needs_a_folder_and_a_dockerfile_in_it() {
    let empty = folder(&[("app.py", "")]);
    assert!(matches!(open(empty.path()), Err(ContextError::NoDockerfile(_))));
    assert!(matches!(open(&empty.path().join("app.py")), Err(ContextError::NoFolder(_))));
    assert!(matches!(open(&empty.path().join("nowhere")), Err(ContextError::Unreadable { .. })));
    let nested = folder(&[("Dockerfile", ""), ("inner/app.py", "")]);
    for dockerfile in ["../Dockerfile", "/etc/passwd", ""] {
        let opened = Context::open(&nested.path().join("inner"), dockerfile, None);
        assert!(matches!(opened, Err(ContextError::DockerfileOutside(_))), "{dockerfile}");
    }
    let bad = folder(&[("Dockerfile", ""), (".dockerignore", "ok\n[x")]);
    let told = open(bad.path()).unwrap_err().to_string();
    assert!(told.contains(".dockerignore") && told.contains("line 2"), "{told}");
}

#[test]
fn a_folder_that_leads_out_of_where_it_must_be_is_refused() {
    let outer = folder(&[("here/x", ""), ("there/Dockerfile", "")]);
    let here = outer.path().join("here");
    let opened = Context::open(&here.join("../there"), "Dockerfile", Some(&here));
    assert!(matches!(opened, Err(ContextError::Outside { .. })));
    assert!(Context::open(&outer.path().join("there"), "Dockerfile", Some(outer.path())).is_ok());
}

#[cfg(unix)]
#[test]
fn links_are_sent_as_links_and_those_that_lead_out_are_named() {
    use std::os::unix::fs::symlink;

    let outside = folder(&[("secret", "hunter2")]);
    let inside = folder(&[("Dockerfile", ""), ("d/file", "x")]);
    let root = inside.path();
    symlink("file", root.join("d/link")).unwrap();
    symlink("../d", root.join("d/up")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let context = open(root).unwrap();
    let links: BTreeMap<&str, &Kind> =
        context.entries().iter().map(|entry| (entry.path.as_str(), &entry.kind)).collect();
    assert_eq!(links["d/link"], &Kind::Link("file".to_owned()));
    assert_eq!(links["d/up"], &Kind::Link("../d".to_owned()));
    assert!(!links.contains_key("d/up/file"), "no link is followed");

    for target in
        ["/etc/passwd", "../../x", "d/../../x", &outside.path().join("secret").display().to_string()]
    {
        let link = root.join("bad");
        symlink(target, &link).unwrap();
        let error = open(root).unwrap_err();
        assert!(
            matches!(&error, ContextError::LinkOutside { link, .. } if link == "bad"),
            "{target}: {error}"
        );
        std::fs::remove_file(link).unwrap();
    }
    // One that is left out is nobody's business.
    symlink("/etc", root.join("bad")).unwrap();
    std::fs::write(root.join(".dockerignore"), "bad").unwrap();
    assert!(open(root).is_ok());
    // A folder of the way that is a link out.
    symlink(outside.path(), root.join("away")).unwrap();
    assert!(matches!(open(root), Err(ContextError::LinkOutside { .. })));
    std::fs::remove_file(root.join("away")).unwrap();
    std::fs::remove_file(root.join("Dockerfile")).unwrap();
    symlink(outside.path().join("secret"), root.join("Dockerfile")).unwrap();
    assert!(matches!(open(root), Err(ContextError::DockerfileOutside(_))));
}

#[cfg(unix)]
#[test]
fn sockets_are_refused_and_named() {
    let inside = folder(&[("Dockerfile", "")]);
    let _listener = std::os::unix::net::UnixListener::bind(inside.path().join("app.sock")).unwrap();
    assert!(matches!(open(inside.path()), Err(ContextError::Special(path)) if path == "app.sock"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;

    let inside = folder(&[("Dockerfile", "")]);
    std::fs::write(inside.path().join(std::ffi::OsStr::from_bytes(b"b\xffd")), "").unwrap();
    assert!(matches!(open(inside.path()), Err(ContextError::Name(_))));
}

#[test]
fn too_much_is_refused_with_the_largest_files() {
    let inside = folder(&[("Dockerfile", ""), ("small", "x")]);
    // Files without content on the disk.
    for (name, size) in [("data/huge.bin", LARGEST), ("data/model.bin", 2 * 1024 * 1024)] {
        let path = inside.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().set_len(size).unwrap();
    }
    let error = open(inside.path()).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("data/huge.bin (500 MB), data/model.bin (2 MB)"), "{told}");
    assert!(error.fix().unwrap().contains(".dockerignore"));
    std::fs::write(inside.path().join(".dockerignore"), "data").unwrap();
    assert!(open(inside.path()).is_ok());
}

#[test]
fn a_file_that_changes_between_the_passes_is_found() {
    let inside = folder(&[("Dockerfile", ""), ("app.py", "one")]);
    let context = open(inside.path()).unwrap();
    let before = context.digest().unwrap();
    std::fs::write(inside.path().join("app.py"), "two").unwrap();
    assert_ne!(context.compress(std::io::sink()).unwrap().digest, before, "the same length, other bytes");
    std::fs::write(inside.path().join("app.py"), "longer").unwrap();
    assert!(matches!(context.digest(), Err(ContextError::Changed(path)) if path == "app.py"));
    std::fs::remove_file(inside.path().join("app.py")).unwrap();
    assert!(matches!(context.digest(), Err(ContextError::Unreadable { .. })));
}

#[test]
fn the_archive_says_nothing_of_who_made_the_files_and_when() {
    let inside = folder(&[("Dockerfile", "FROM x"), ("a/b.py", "print()")]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let run = inside.path().join("run.sh");
        std::fs::write(&run, "").unwrap();
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::set_permissions(inside.path().join("Dockerfile"), std::fs::Permissions::from_mode(0o600))
            .unwrap();
    }
    let mut bytes = Vec::new();
    open(inside.path()).unwrap().compress(&mut bytes).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut seen = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        let mode = header.mode().unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        seen.insert(entry.path().unwrap().display().to_string(), (mode, text));
    }
    assert_eq!(seen["Dockerfile"], (0o644, "FROM x".to_owned()));
    assert_eq!(seen["a/"].0, 0o755);
    assert_eq!(seen["a/b.py"].1, "print()");
    #[cfg(unix)]
    assert_eq!(seen["run.sh"].0, 0o755);
}

fn files() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let name = "[a-c]{1,3}(/[a-c]{1,2}x){0,2}|[a-z]{110}";
    proptest::collection::btree_map(name, proptest::collection::vec(any::<u8>(), 0..40), 0..8)
}

fn write(files: &[(&String, &Vec<u8>)]) -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM x").unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        // A name that is a file's already is no folder's.
        std::fs::create_dir_all(path.parent()?).ok()?;
        std::fs::write(path, bytes).ok()?;
    }
    Some(folder)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn neither_order_nor_times_nor_rights_make_a_difference(files in files(), umask in prop::sample::select(vec![0o600_u32, 0o640, 0o664])) {
        let forward: Vec<_> = files.iter().collect();
        let backward: Vec<_> = files.iter().rev().collect();
        let (Some(one), Some(other)) = (write(&forward), write(&backward)) else { return Ok(()) };
        for (name, _) in &forward {
            let file = std::fs::File::options().write(true).open(other.path().join(name)).unwrap();
            let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
            file.set_modified(then).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                file.set_permissions(std::fs::Permissions::from_mode(umask)).unwrap();
            }
        }
        let digest = |folder: &TempDir| open(folder.path()).unwrap().digest().unwrap();
        prop_assert_eq!(digest(&one), digest(&other));
        // What is compressed is what was counted.
        let mut bytes = Vec::new();
        let packed = open(one.path()).unwrap().compress(&mut bytes).unwrap();
        prop_assert_eq!(packed.digest, digest(&one));
        prop_assert_eq!(packed.bytes, bytes.len() as u64);
    }

    #[test]
    fn another_byte_is_another_digest(files in files(), text in "[a-z]{1,8}") {
        let all: Vec<_> = files.iter().collect();
        let (Some(one), Some(other)) = (write(&all), write(&all)) else { return Ok(()) };
        std::fs::write(other.path().join("Dockerfile"), format!("FROM x{text}")).unwrap();
        let digest = |folder: &TempDir| open(folder.path()).unwrap().digest().unwrap();
        prop_assert_ne!(digest(&one), digest(&other));
    }

    #[test]
    fn no_text_makes_the_reader_of_ignore_files_stumble(text in "\\PC{0,60}", path in "[a-z*?/\\[\\]!.]{1,20}") {
        if let Ok(ignore) = Ignore::parse(&text) {
            ignore.excludes(&path);
        }
    }
}

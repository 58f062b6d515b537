//! pip's requirements files and pyproject.toml.

use acarecipe::requirements::{Environment, Origin, Unreadable, from_files, normalise, read};

use super::{brief, files, found, read_all, read_text};

#[test]
fn a_file_as_people_write_it() {
    let read = read_text(
        "\u{feff}# a comment\n\
         Flask==3.1.0  # inline\n\
         psycopg2_Binary >= 2.9 , < 3\n\
         uvicorn[Standard,watch] ~= 0.30 ; python_version >= '3.9'\n\
         \n\
         cryptography==44.0.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n\
         requests (>=2,<3)\n\
         six\n",
    );
    assert_eq!(
        brief(&read),
        [
            "flask ==3.1.0 requirements.txt:2",
            "psycopg2-binary >= 2.9 , < 3 requirements.txt:3",
            "uvicorn[standard,watch] ~= 0.30 requirements.txt:4",
            "cryptography ==44.0.0 requirements.txt:6",
            "requests >=2,<3 requirements.txt:9",
            "six  requirements.txt:10",
        ]
    );
    assert_eq!(read.packages[3].hashes, 2);
    let pinned: Vec<bool> = read.packages.iter().map(acarecipe::requirements::Package::pinned).collect();
    assert_eq!(pinned, [true, false, false, true, false, false]);
}

#[test]
fn continued_lines_and_comments_as_pip_joins_them() {
    // A comment ends a continuation, a hash within a word is none, and the file may end within a continuation.
    let read = read_text(
        "flask \\\n# why\nsix\nnumpy \\\n  ==1.26.4\nx @ https://e.example/x.whl#sha256=ab\npillow \\",
    );
    assert_eq!(
        brief(&read),
        [
            "flask  requirements.txt:1",
            "six  requirements.txt:3",
            "numpy ==1.26.4 requirements.txt:4",
            "x  requirements.txt:6",
            "pillow  requirements.txt:7",
        ]
    );
    assert_eq!(found(&read), [""; 0]);
}

#[test]
fn other_files_are_read_from_where_they_are_named() {
    let read = read_all(&[
        ("app/requirements.txt", "-r base/one.txt\n-c ../limits.txt\n--requirement=base/two.txt\n"),
        ("app/base/one.txt", "-r ./more/three.txt\nflask\n"),
        ("app/base/two.txt", "six"),
        ("app/base/more/three.txt", "numpy"),
        ("limits.txt", "numpy<2\nscipy<1.14\n"),
    ]);
    assert_eq!(
        brief(&read),
        [
            "numpy  app/base/more/three.txt:1",
            "flask  app/base/one.txt:2",
            "numpy <2 limits.txt:1 constraint",
            "scipy <1.14 limits.txt:2 constraint",
            "six  app/base/two.txt:1",
        ]
    );
    assert_eq!(
        read.files,
        [
            "app/requirements.txt",
            "app/base/one.txt",
            "app/base/more/three.txt",
            "limits.txt",
            "app/base/two.txt"
        ]
    );
}

#[test]
fn files_that_cannot_be_had_are_findings_with_their_place() {
    let read = read_all(&[
        (
            "requirements.txt",
            "-r missing.txt\n-r ../secret.txt\n-r /etc/passwd\n-r a.txt\n-r https://e.example/r.txt\n-r C:\\x.txt",
        ),
        ("a.txt", "-r requirements.txt\nflask"),
    ]);
    assert_eq!(
        found(&read),
        [
            "error requirements-missing requirements.txt:1",
            "error requirements-outside requirements.txt:2",
            "error requirements-outside requirements.txt:3",
            "error requirements-cycle a.txt:1",
            "warning requirements-elsewhere requirements.txt:5",
            "error requirements-outside requirements.txt:6",
        ]
    );
    assert_eq!(brief(&read), ["flask  a.txt:2"]);
    let asked = |name: &str| read_name(name).unwrap_err();
    assert_eq!(asked("none.txt"), Unreadable::Absent);
    assert!(matches!(asked("../requirements.txt"), Unreadable::Refused(_)));
    assert!(matches!(asked("/requirements.txt"), Unreadable::Refused(_)));
    assert!(matches!(asked(""), Unreadable::Refused(_)));
}

fn read_name(name: &str) -> Result<acarecipe::requirements::Requirements, Unreadable> {
    read(name, &[], from_files(&files(&[("requirements.txt", "flask")])))
}

#[test]
fn files_name_each_other_only_so_deep_and_so_many() {
    let mut chain: Vec<(String, String)> =
        (0..12).map(|n| (format!("{n}.txt"), format!("-r {}.txt", n + 1))).collect();
    chain.push(("12.txt".to_owned(), "flask".to_owned()));
    let chain: Vec<(&str, &str)> = chain.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(found(&read_all(&chain)), ["error requirements-too-deep 7.txt:1"]);

    let many: Vec<String> = (0..40).map(|n| format!("-r {n}.txt")).collect();
    let many = many.join("\n");
    let leaves: Vec<String> = (0..40).map(|n| format!("{n}.txt")).collect();
    let mut all = vec![("requirements.txt", many.as_str())];
    all.extend(leaves.iter().map(|name| (name.as_str(), "six")));
    let read = read_all(&all);
    assert_eq!(read.files.len(), acarecipe::requirements::MAX_FILES);
    assert!(
        found(&read).iter().all(|one| one.starts_with("error requirements-too-many")),
        "{:?}",
        found(&read)
    );

    let long = "x".repeat(acarecipe::requirements::MAX_BYTES + 1);
    assert_eq!(found(&read_text(&long)), ["error requirement-syntax requirements.txt:1"]);
}

#[test]
fn urls_paths_and_editable_lines() {
    let read = read_text(
        "git+https://github.com/psycopg/psycopg2@2.9#egg=psycopg2\n\
         Pillow @ https://e.example/pillow-11.0.0-cp313-cp313-manylinux_2_28_x86_64.whl ; sys_platform == 'linux'\n\
         ./wheels/numpy-2.1.0-cp313-cp313-manylinux_2_17_x86_64.whl\n\
         lxml-5.3.0.tar.gz\n\
         -e .\n\
         -e git+ssh://git@github.com/o/r.git#egg=own_package[extra]\n\
         ./local\n\
         file:///opt/uvloop-0.21.0.tar.gz\n",
    );
    let brief: Vec<_> = read
        .packages
        .iter()
        .map(|one| (one.name.as_str(), one.origin.clone(), one.editable, one.place.line))
        .collect();
    assert_eq!(
        brief,
        [
            ("psycopg2", Origin::Repository, false, 1),
            ("pillow", Origin::Wheel, false, 2),
            ("numpy", Origin::Wheel, false, 3),
            ("lxml", Origin::Sources, false, 4),
            ("own-package", Origin::Repository, true, 6),
            ("uvloop", Origin::Sources, false, 8),
        ]
    );
    assert!(read.packages[1].marker.is_some());
    assert_eq!(
        found(&read),
        [
            "info requirement-local requirements.txt:3",
            "info requirement-local requirements.txt:4",
            "warning requirement-editable requirements.txt:5",
            "warning requirement-editable requirements.txt:6",
            "info requirement-local requirements.txt:7",
        ]
    );
}

#[test]
fn options_count_in_their_order() {
    let read = read_text(
        "-i https://pypi.example/simple\n--extra-index-url=https://other.example:8443/x\n--pre\n--no-index\n\
         --only-binary :all:\n--no-binary=psycopg2,lxml\n--only-binary lxml\n--prefer-bin\nflask\n",
    );
    assert_eq!(found(&read), [""; 0]);
    assert_eq!(read.options.indexes, ["pypi.example", "other.example"]);
    assert!(read.options.only_binary.all && read.options.prefer_binary);
    let names: Vec<_> = read.options.no_binary.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["psycopg2"]);
    let names: Vec<_> = read.options.only_binary.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["lxml"]);
}

/// A credential is found wherever a URL may stand, and no message, name or host repeats it.
#[test]
fn credentials_are_found_and_never_shown() {
    let read = read_text(
        "--index-url https://user:hunter2@pypi.example/simple\n\
         --extra-index-url http://hunter2@plain.example/simple\n\
         own @ git+https://hunter2@github.com/o/own.git\n\
         git+https://x:hunter2@github.com/o/r.git#egg=-\n\
         -r https://hunter2@e.example/r.txt\n\
         -f https://user:hunter2@links.example\n\
         --hunter2 https://user:hunter2@e.example\n\
         --index-url https://${USER}:${TOKEN}@fine.example/simple\n\
         git+ssh://git@github.com/o/fine.git#egg=fine\n\
         hunter2 https://a:hunter2@e.example and 'more\n\
         bad[https://u:hunter2@e.example\n",
    );
    let of = |rule: &str| -> Vec<usize> {
        read.findings.iter().filter(|one| one.rule == rule).map(|one| one.place.line).collect()
    };
    assert_eq!(of("requirement-credential"), [1, 2, 3, 4, 5, 6, 10, 11]);
    assert_eq!(of("index-not-secure"), [2]);
    // The one that stands in the place of a name is what the file says, not a credential.
    for finding in read.findings.iter().filter(|one| one.place.line != 10) {
        let all = format!("{} {}", finding.message, finding.fix);
        assert!(!all.contains("hunter2"), "{finding:?}");
    }
    for finding in read.findings.iter().filter(|one| one.place.line == 10) {
        assert!(!finding.message.contains(":hunter2"), "{finding:?}");
    }
    assert!(!format!("{:?}", read.options).contains("hunter2"));
}

/// Of a URL a message has scheme, host and the last part of the path: all else may be a secret.
#[test]
fn queries_paths_and_odd_passwords_are_never_shown() {
    let read = read_text(
        "-r https://store.example/SEKRET/x.txt?sv=1&sig=SEKRET\n\
         foo @ https://store.example/SEKRET/x.zip?sig=SEKRET junk\n\
         -f http://links.example/SEKRET/w?token=SEKRET#SEKRET\n\
         -i http://user:SEK/RET@h.example/SEKRET/simple\n\
         --extra-index-url https://h.example/simple?any=SEKRET\n\
         foo @ https://store.example/foo-1.zip?x=1\n\
         git+https://h.example/o/r.git@v1#egg=r\n\
         --extra-index-url https://h.example/simple?token=${TOKEN}\n\
         bar @ https:/store.example/x?sig=SEKRET junk\n\
         --extra-index-url http://user:12/SEKRET@h.example/simple\n",
    );
    for finding in &read.findings {
        let all = format!("{} {}", finding.message, finding.fix);
        assert!(!["SEK", "RET", "user"].iter().any(|secret| all.contains(secret)), "{finding:?}");
    }
    let of = |rule: &str| -> Vec<usize> {
        read.findings.iter().filter(|one| one.rule == rule).map(|one| one.place.line).collect()
    };
    assert_eq!(of("requirement-credential"), [1, 2, 3, 4, 5, 10]);
    assert_eq!(of("index-not-secure"), [3, 4, 10]);
    let message = |line, rule: &str| {
        let found = read.findings.iter().find(|one| one.place.line == line && one.rule == rule);
        found.unwrap().message.clone()
    };
    assert!(message(1, "requirements-elsewhere").starts_with("https://store.example/…/x.txt is not"));
    assert_eq!(message(3, "index-not-secure"), "packages come from http://links.example/…/w without TLS");
    assert_eq!(
        message(4, "index-not-secure"),
        "packages come from http://***@h.example/…/simple without TLS"
    );
    assert_eq!(read.options.indexes, ["links.example", "h.example"]);
}

#[test]
fn what_a_constraints_file_names_with_r_is_installed() {
    let read = read_all(&[
        ("requirements.txt", "-c c.txt\n"),
        ("c.txt", "six<2\n-r d.txt\n"),
        ("d.txt", "psycopg2==2.9\n"),
    ]);
    assert_eq!(brief(&read), ["six <2 c.txt:1 constraint", "psycopg2 ==2.9 d.txt:1"]);
}

#[test]
fn versions_that_the_grammar_takes_beside_the_usual() {
    let read = read_text("six>=1,\nflask >=3, <4 , ; python_version > '3'\nold===2004d\nboth===1.0,>=1\n");
    assert_eq!(found(&read), [""; 0]);
    let pinned: Vec<bool> = read.packages.iter().map(acarecipe::requirements::Package::pinned).collect();
    assert_eq!(pinned, [false, false, true, true]);
    assert_eq!(found(&read_text("six>=1,,\nsix===\n")).len(), 2);
}

#[test]
fn a_file_named_by_a_variable_is_not_known() {
    let read = read_text("-r ${DIR}/a.txt\n");
    assert_eq!(found(&read), ["warning requirements-elsewhere requirements.txt:1"]);
}

/// Each of these ends a line for Python, so for pip.
#[test]
fn lines_end_where_python_ends_them() {
    for end in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{1c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        let read = read_text(&format!("flask{end}{end}six # no{end}gunicorn"));
        let expected =
            ["flask  requirements.txt:1", "six  requirements.txt:3", "gunicorn  requirements.txt:4"];
        assert_eq!(brief(&read), expected, "{end:?}");
    }
}

#[test]
fn a_project_names_its_own_groups() {
    let text = "[project]\nname = \"My_App\"\ndependencies = [\"my-app[db]\"]\n[project.optional-dependencies]\n\
         db = [\"psycopg2>=2.9\"]\nx = [\"pillow\", \"my.app[all]\"]\nall = [\"my-app[db,x]\", \"my-app[none]\"]\n";
    let with = |groups: &[String]| {
        read("pyproject.toml", groups, from_files(&files(&[("pyproject.toml", text)]))).unwrap()
    };
    assert_eq!(brief(&with(&[])), ["psycopg2 >=2.9 pyproject.toml:5"]);
    let all = with(&["all".to_owned()]);
    let mut packages = brief(&all);
    packages.sort();
    assert_eq!(packages, ["pillow  pyproject.toml:6", "psycopg2 >=2.9 pyproject.toml:5"]);
    assert_eq!(found(&all), ["error requirement-syntax pyproject.toml:7"]);
    let poetry = "[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npsycopg2 = '*'\n";
    let poetry = read("pyproject.toml", &[], from_files(&files(&[("pyproject.toml", poetry)]))).unwrap();
    assert_eq!(poetry.findings[0].message, "the dependencies stand in [tool.poetry], which is not read");
    assert!(poetry.findings[0].fix.starts_with("poetry export"));
}

#[test]
fn lines_that_pip_refuses_are_findings_and_the_rest_is_read_on() {
    let read = read_text(
        "=1.0\nflask=3\nflask==3.0.\nflask[\nflask ; python_version\nflask ; what == '1'\n\
         flask ; python_version > '3\nflask @\n--nothing\n-r\n--pre=1\n--hash=sha256:aa\nflask --index-url https://e.example\n\
         flask==1 six==2\n'open\nflask ; (python_version > '3.1'\nsix\n",
    );
    assert_eq!(brief(&read), ["flask  requirements.txt:13", "six  requirements.txt:17"]);
    let lines: Vec<usize> = read.findings.iter().map(|one| one.place.line).collect();
    assert_eq!(lines, (1..=16).collect::<Vec<_>>());
    assert!(read.findings.iter().all(|one| one.rule == "requirement-syntax" && !one.fix.is_empty()));
}

#[test]
fn encodings_that_pip_reads() {
    let of = |bytes: &[u8]| {
        let files = std::iter::once(("requirements.txt".to_owned(), bytes.to_vec())).collect();
        let read = read("requirements.txt", &[], from_files(&files)).unwrap();
        (brief(&read), found(&read))
    };
    let names = |(names, _): (Vec<String>, Vec<String>)| names;
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain("six\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(names(of(&utf16)), ["six  requirements.txt:1"]);
    let utf16: Vec<u8> =
        [0xFE, 0xFF].into_iter().chain("six".encode_utf16().flat_map(u16::to_be_bytes)).collect();
    assert_eq!(names(of(&utf16)), ["six  requirements.txt:1"]);
    assert_eq!(names(of(b"# -*- coding: latin-1 -*-\n# caf\xe9\nsix")), ["six  requirements.txt:3"]);
    for wrong in
        [&b"caf\xe9"[..], b"\xFF\xFE\0\0s\0\0\0", b"\xFF\xFEs", b"\xFF\xFE\x00\xD8", b"# coding: rot13\nsix"]
    {
        assert_eq!(of(wrong), (vec![], vec!["error requirement-syntax requirements.txt:1".to_owned()]));
    }
}

#[test]
fn names_are_compared_as_indexes_compare_them() {
    for name in ["Foo.Bar", "foo_bar", "FOO--bar", "foo-_.bar"] {
        assert_eq!(normalise(name), "foo-bar");
    }
}

#[test]
fn markers_are_judged_for_the_image() {
    let image = Environment::of_image("python:3.12-slim");
    let holds = |marker: &str, environment: &Environment| {
        let read = read_text(&format!("six ; {marker}"));
        assert_eq!(found(&read), [""; 0], "{marker}");
        read.packages[0].marker.as_ref().unwrap().holds(environment)
    };
    for (marker, expected) in [
        ("python_version >= '3.9'", Some(true)),
        ("python_version < '3.9'", Some(false)),
        // As versions, not as text.
        ("'3.9' < python_version", Some(true)),
        ("python_version == '3.*'", Some(true)),
        ("python_version in '3.11 3.12'", Some(true)),
        ("python_version not in '3.11 3.12'", Some(false)),
        ("sys_platform == 'win32'", Some(false)),
        ("sys_platform != 'win32' and platform_machine == 'x86_64'", Some(true)),
        ("platform_system == 'Linux' or os_name == 'nt'", Some(true)),
        ("(os_name == 'nt' or os_name == 'posix') and sys.platform == 'linux'", Some(true)),
        ("platform_python_implementation != 'PyPy'", Some(true)),
        ("extra == 'test'", Some(false)),
        ("python_full_version >= '3.12.4'", None),
        ("python_full_version >= '3.11.4'", Some(true)),
        ("python_full_version < '3.12'", Some(false)),
        ("python_full_version == '3.12.3'", None),
        ("python_full_version == '3.12.*'", Some(true)),
        ("implementation_version > '3.13'", Some(false)),
        ("platform_release > '5'", None),
        ("platform_release > '5' and os_name == 'nt'", Some(false)),
        ("platform_release > '5' or os_name == 'posix'", Some(true)),
    ] {
        assert_eq!(holds(marker, &image), expected, "{marker}");
    }
    // Without a Python nothing about it is known.
    let debian = Environment::of_image("debian:12-slim");
    assert_eq!(holds("python_version >= '3.9'", &debian), None);
    assert_eq!(holds("python_full_version >= '3.9'", &debian), None);
    assert_eq!(holds("platform_machine == 'aarch64'", &image.on("linux/arm64")), Some(true));
}

#[test]
fn the_dependencies_of_a_project_file() {
    let text = "[build-system]\nrequires = [\"setuptools\"]\n\n[project]\nname = \"app\"\ndependencies = [\n  \"flask>=3\",\n  'psycopg[binary] ; python_version > \"3.8\"',\n]\n\n[project.optional-dependencies]\nimages = [\"Pillow\"]\ntest = [\"pytest\"]\n";
    let with = |groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        read("pyproject.toml", &groups, from_files(&files(&[("pyproject.toml", text)]))).unwrap()
    };
    assert_eq!(brief(&with(&[])), ["flask >=3 pyproject.toml:7", "psycopg[binary]  pyproject.toml:8"]);
    assert_eq!(brief(&with(&["Images"])).last().unwrap(), "pillow  pyproject.toml:12");
    assert_eq!(found(&with(&["nothing"])), ["error requirement-syntax pyproject.toml:1"]);
    for (text, line) in [
        ("[project\n", 1),
        ("a = 1\n\n[project]\ndependencies = 3\n", 4),
        ("[project]\ndependencies = [\n'six',\n7]\n", 4),
        ("[project]\nname = 'x'\ndynamic = ['dependencies']\n", 3),
        ("[tool.poetry]\nname = 'x'\n", 1),
        ("project = 3", 1),
        ("[project]\ndependencies = ['not a name!']\n", 2),
    ] {
        let read = read("pyproject.toml", &[], from_files(&files(&[("pyproject.toml", text)]))).unwrap();
        assert_eq!(found(&read), [format!("error requirement-syntax pyproject.toml:{line}")], "{text}");
    }
}

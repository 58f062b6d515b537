//! What a Dockerfile says, by `BuildKit`'s rules.

use acarecipe::dockerfile::{
    Base, Dockerfile, Form, Image, Install, Instruction, Kind, MAX_BYTES, Manager, Place, Word,
};
use proptest::prelude::*;

fn read(text: &str) -> Dockerfile {
    let file = Dockerfile::parse(text);
    assert_eq!(file.mistakes, [], "{text}");
    file
}

fn texts(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.text.as_str()).collect()
}

fn image(base: &Base) -> &Image {
    match base {
        Base::Image(image) => image,
        other => panic!("{other:?}"),
    }
}

fn parts(image: &Image) -> (&str, Option<&str>, Option<&str>) {
    (&image.name, image.tag.as_deref(), image.digest.as_deref())
}

/// The commands of the file's first `RUN`, each as one text.
fn commands(text: &str) -> Vec<String> {
    let file = read(text);
    let run = file.stages[0].instructions.iter().find_map(|one| match &one.kind {
        Kind::Run(run) => Some(run.clone()),
        _ => None,
    });
    run.unwrap().commands.iter().map(|command| texts(&command.words).join(" ")).collect()
}

fn installs(run: &str) -> Vec<Install> {
    read(&format!("FROM a\nRUN {run}\n")).stages[0].installs()
}

#[test]
fn stages_have_names_bases_and_places() {
    let file = read(
        "# syntax=docker/dockerfile:1\n\
         ARG PYTHON=3.13\n\
         ARG VARIANT=${PYTHON}-slim\n\
         \n\
         FROM --platform=$BUILDPLATFORM python:${VARIANT} AS build\n\
         RUN true\n\
         FROM build as test\n\
         \x20 FROM registry:5000/base/python@sha256:abc\n\
         FROM localhost/python:${UNKNOWN}\n\
         FROM scratch\n",
    );
    assert_eq!(file.syntax.as_deref(), Some("docker/dockerfile:1"));
    assert_eq!(file.arguments.len(), 2);
    assert_eq!(file.stages.len(), 5);
    let first = &file.stages[0];
    assert_eq!(first.name.as_ref().unwrap().text, "build");
    assert_eq!(first.platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(first.place, Place { line: 5, column: 1 });
    assert_eq!(parts(image(&first.base)), ("python", Some("3.13-slim"), None));
    assert_eq!(image(&first.base).written.text, "python:${VARIANT}");
    assert_eq!(image(&first.base).written.place, Place { line: 5, column: 32 });
    assert!(!image(&first.base).unknown);
    assert!(matches!(file.stages[1].base, Base::Stage(0)), "{:?}", file.stages[1].base);
    assert_eq!(file.stages[2].place, Place { line: 8, column: 3 });
    // The colon is the port's.
    assert_eq!(parts(image(&file.stages[2].base)), ("registry:5000/base/python", None, Some("sha256:abc")));
    assert!(image(&file.stages[3].base).unknown);
    assert!(matches!(file.last().unwrap().base, Base::Scratch));
    assert_eq!(file.stage("TEST").unwrap().index, 1);
    assert_eq!(file.stage("3").unwrap().index, 3);
    assert!(file.stage("none").is_none());
}

#[test]
fn what_a_stage_is_made_from_holds_in_it() {
    let file = read(
        "ARG UID=10001\nFROM a AS base\nARG UID\nENV PORT=8000 HOME=\"/home/the app\"\nUSER $UID\nEXPOSE $PORT 53/udp\n\
         CMD [\"first\"]\nFROM b AS other\nUSER root\nFROM base\nENV ADDRESS=0.0.0.0:${PORT:-1}\nONBUILD USER root\n",
    );
    let last = file.last().unwrap();
    assert_eq!(file.lineage(last).iter().map(|stage| stage.index).collect::<Vec<_>>(), [0, 2]);
    let user = file.user(last).unwrap();
    assert_eq!((user.text.as_str(), user.place), ("10001", Place { line: 5, column: 6 }));
    assert_eq!(file.exposed(last), [(8000, Place { line: 6, column: 8 })]);
    let environment = file.environment(last);
    assert_eq!(environment["ADDRESS"], "0.0.0.0:8000");
    assert_eq!(environment["HOME"], "/home/the app");
    assert!(!environment.contains_key("UID"), "an ARG is gone when the container starts");
    assert_eq!(file.variables(last)["UID"], "10001");
    assert_eq!(texts(&file.start(last).unwrap().words), ["first"]);
    assert_eq!(file.user(&file.stages[1]).unwrap().text, "root");
}

#[test]
fn lines_go_on_over_comments_and_empty_lines() {
    let text =
        "FROM a\nRUN one \\  \n    # a comment\n\n    && two \\\n# another\n  'th ree' # not in it\nUSER x\n";
    assert_eq!(commands(text), ["one", "two th ree"]);
    let file = read(text);
    let [run, user] = &file.stages[0].instructions[..] else { panic!() };
    assert_eq!((run.place.line, user.place.line), (2, 8));
    let Kind::Run(run) = &run.kind else { panic!() };
    assert_eq!(run.commands[1].words[1].place, Place { line: 7, column: 3 });
    // At the end of the file, and with the line ends of Windows.
    assert_eq!(commands("FROM a\r\nRUN one \\\r\n  two \\\r\n"), ["one two"]);
    assert_eq!(commands("FROM a\nRUN one \\"), ["one"]);
    assert_eq!(commands("\u{feff}FROM a\nRUN one \\\n# end"), ["one"]);
}

#[test]
fn the_escape_character_is_what_the_directive_says() {
    let file = read("# escape=`\nFROM a\nRUN one `\n  two\nCOPY a\\b C:\\c\\\nUSER x\n");
    let kinds: Vec<&str> = file.stages[0].instructions.iter().map(Instruction::keyword).collect();
    assert_eq!(kinds, ["RUN", "COPY", "USER"]);
    // After the first line that is no directive it is a comment.
    let file = read("# a comment\n# escape=`\nFROM a\nRUN one \\\n  two\n");
    assert_eq!(file.stages[0].instructions.len(), 1);
    let wrong = Dockerfile::parse("# escape=x\nFROM a\n");
    assert_eq!(wrong.mistakes[0].place, Place { line: 1, column: 1 });
}

#[test]
fn here_documents_are_read_wherever_they_stand() {
    assert_eq!(
        commands("FROM a\nRUN <<EOF\nset -e\napt-get update && echo FROM\n\nEOF\nUSER x\n"),
        ["<<EOF", "set -e", "apt-get update", "echo FROM"]
    );
    assert_eq!(commands("FROM a\nRUN bash -e <<-'END'\n\tone\n\tEND\n"), ["bash -e <<-END", "one"]);
    // Some program's input is no script.
    let text = "FROM a\nRUN cat <<ONE >/one && cat <<TWO >/two\nUSER root\nONE\nENV A=1\nTWO\nUSER x\n";
    assert_eq!(commands(text), ["cat <<ONE >/one", "cat <<TWO >/two"]);
    let file = read(text);
    assert_eq!(file.user(file.last().unwrap()).unwrap().place.line, 7);
    let file = read("FROM a\nCOPY <<EOF extra /to/\nFROM x\nEOF\n");
    let Kind::Copy(copy) = &file.stages[0].instructions[0].kind else { panic!() };
    assert_eq!((texts(&copy.sources), copy.destination.text.as_str()), (vec!["extra"], "/to/"));
    let open = Dockerfile::parse("FROM a\nRUN <<EOF\none\n");
    assert_eq!(open.mistakes.len(), 1);
    assert!(open.mistakes[0].message.contains("here-document") && !open.mistakes[0].message.contains("EOF"));
    // A here-string, a shift and a quoted text open none.
    assert_eq!(commands("FROM a\nRUN cat <<<word; echo $((1<<2))\nUSER x\n").len(), 2);
}

#[test]
fn copies_have_flags_sources_and_a_destination() {
    let file = read(
        "FROM a AS build\nFROM b\nCOPY --from=build --chown=10001:10001 /venv /lib /to/\nADD [\"a b\", \"c\"]\nCOPY . .\n",
    );
    let copies: Vec<_> = file.last().unwrap().instructions.iter().collect();
    let Kind::Copy(copy) = &copies[0].kind else { panic!() };
    assert_eq!(copy.from(), Some("build"));
    assert_eq!((texts(&copy.sources), copy.destination.text.as_str()), (vec!["/venv", "/lib"], "/to/"));
    assert_eq!(copy.flags[1].place, Place { line: 3, column: 19 });
    let Kind::Add(add) = &copies[1].kind else { panic!() };
    assert_eq!((texts(&add.sources), add.destination.text.as_str()), (vec!["a b"], "c"));
    assert_eq!(add.sources[0].place, Place { line: 4, column: 6 });
    let Kind::Copy(copy) = &copies[2].kind else { panic!() };
    assert_eq!(copy.from(), None);
}

#[test]
fn a_start_is_what_runs_in_the_end() {
    let start = |text: &str| {
        let file = read(&format!("FROM a\n{text}\n"));
        let start = file.start(file.last().unwrap()).unwrap();
        (texts(&start.words).join(" "), start.exec, start.place.line)
    };
    let told = |words: &str, exec, line| (words.to_owned(), exec, line);
    assert_eq!(start("CMD [\"gunicorn\", \"app:app\"]"), told("gunicorn app:app", true, 2));
    assert_eq!(start("CMD gunicorn app:app"), told("gunicorn app:app", false, 2));
    assert_eq!(start("CMD exec gunicorn app:app"), told("gunicorn app:app", true, 2));
    assert_eq!(start("CMD migrate && exec gunicorn app:app"), told("gunicorn app:app", true, 2));
    assert_eq!(
        start("CMD [\"sh\", \"-c\", \"gunicorn -b :$PORT app\"]"),
        told("gunicorn -b :$PORT app", false, 2)
    );
    assert_eq!(start("CMD [\"/bin/sh\", \"-ec\", \"exec x\"]"), told("x", true, 2));
    // bash replaces itself by a single command, Debian's sh does not.
    assert_eq!(start("CMD [\"bash\", \"-c\", \"x $PORT\"]"), told("x $PORT", true, 2));
    assert_eq!(start("CMD [\"bash\", \"-c\", \"a; x\"]"), told("x", false, 2));
    assert_eq!(start("SHELL [\"/bin/bash\", \"-c\"]\nCMD x $PORT"), told("x $PORT", true, 3));
    assert_eq!(start("ENTRYPOINT [\"gunicorn\"]\nCMD [\"app:app\"]"), told("gunicorn app:app", true, 2));
    assert_eq!(start("CMD [\"ignored\"]\nENTRYPOINT gunicorn app"), told("gunicorn app", false, 3));
    // Single quotes are no JSON, so that a shell runs it.
    assert!(!start("CMD ['gunicorn', 'app']").1);
    let file = read("FROM a\n");
    assert!(file.start(file.last().unwrap()).is_none());
    let file = read("FROM a\nCMD [\"a\", \"b \\\" c\", \"d\"]\n");
    let Kind::Cmd(Form::Exec(words)) = &file.stages[0].instructions[0].kind else { panic!() };
    assert_eq!(words[2], Word { text: "d".to_owned(), place: Place { line: 2, column: 21 } });
}

#[test]
fn an_entrypoint_forgets_the_command_of_the_stage_below() {
    let start = |text: &str| {
        let file = read(text);
        texts(&file.start(file.last().unwrap()).unwrap().words).join(" ")
    };
    let below = "FROM python:3.13 AS a\nCMD [\"x\"]\nFROM a\n";
    assert_eq!(start(&format!("{below}ENTRYPOINT [\"gunicorn\", \"app:app\"]\n")), "gunicorn app:app");
    assert_eq!(start(&format!("{below}CMD [\"y\"]\nENTRYPOINT [\"g\"]\n")), "g y");
    assert_eq!(start(&format!("{below}ENTRYPOINT [\"g\"]\nCMD [\"y\"]\n")), "g y");
    assert_eq!(start("FROM a AS b\nENTRYPOINT [\"g\"]\nFROM b\nCMD [\"y\"]\n"), "g y");
}

#[test]
fn variables_have_the_values_that_a_build_gives_them() {
    let value = |text: &str, name: &str| {
        let file = read(text);
        file.variables(file.last().unwrap()).get(name).cloned()
    };
    // ENV wins over ARG, whichever comes first.
    assert_eq!(value("FROM a\nENV P=set\nARG P=given\n", "P").as_deref(), Some("set"));
    assert_eq!(value("FROM a\nARG P=given\nENV P=set\n", "P").as_deref(), Some("set"));
    assert_eq!(value("FROM a\nENV P=set\nARG P=given\nENV Q=$P\n", "Q").as_deref(), Some("set"));
    // Those of one instruction do not see each other.
    assert_eq!(value("FROM a\nENV A=hello\nENV A=bye B=$A\n", "B").as_deref(), Some("hello"));
    // An argument before the first FROM has the value that it has there, and of two the last counts.
    assert_eq!(value("ARG A=x\nARG P=${A}-dev\nFROM a\nARG P\n", "P").as_deref(), Some("x-dev"));
    assert_eq!(value("ARG P=1\nARG P=2\nFROM a\nARG P\n", "P").as_deref(), Some("2"));
    let file = read("FROM a\nENV P=set\nARG P=given\nARG Q=1\n");
    assert_eq!(
        file.environment(file.last().unwrap()).into_iter().collect::<Vec<_>>(),
        [("P".into(), "set".into())]
    );
}

#[test]
fn what_takes_the_meaning_from_a_variable_is_what_the_directive_says() {
    let value = |text: &str| {
        let file = read(text);
        file.variables(file.last().unwrap()).get("B").cloned()
    };
    assert_eq!(value("FROM a\nENV A=1\nENV B x\\$A\n").as_deref(), Some("x$A"));
    assert_eq!(value("# escape=`\nFROM a\nENV A=1\nENV B x`$A\n").as_deref(), Some("x$A"));
    assert_eq!(value("# escape=`\nFROM a\nENV A=1\nENV B x\\$A\n").as_deref(), Some("x\\1"));
}

#[test]
fn variables_are_set_one_by_one_or_in_the_old_way() {
    let file = read("FROM a\nENV A=1 B=\"two words\" C=it\\ is D=\nENV OLD a value = that\nARG X Y=2\n");
    let names = |index: usize| match &file.stages[0].instructions[index].kind {
        Kind::Env(variables) | Kind::Arg(variables) => {
            variables.iter().map(|one| (one.name.clone(), one.value.clone())).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let set = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    assert_eq!(names(0), [set("A", "1"), set("B", "two words"), set("C", "it is"), set("D", "")]);
    assert_eq!(names(1), [set("OLD", "a value = that")]);
    assert_eq!(names(2), [("X".to_owned(), None), set("Y", "2")]);
}

#[test]
fn packages_are_found_behind_flags_assignments_and_quotes() {
    let found = installs(
        "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install \\\n \
         gcc=4:12.2 \"libpq-dev\" -t stable-backports 2>/dev/null > /dev/null && rm -rf /var/lib/apt/lists/*",
    );
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].manager, found[0].names()), (Manager::Apt, vec!["gcc", "libpq-dev"]));
    assert!(found[0].has(&["--no-install-recommends"]) && found[0].has(&["-y"]));
    assert_eq!(found[0].packages[1].place, Place { line: 3, column: 13 });
    let found = installs("apk add --no-cache --virtual .build-deps gcc~=12 musl-dev && apk del .build-deps");
    assert_eq!((found[0].manager, found[0].names()), (Manager::Apk, vec!["gcc", "musl-dev"]));
    let found = installs("set -eux; if true; then sudo -E apt install -y curl; fi");
    assert_eq!(found[0].names(), ["curl"]);
    let found = installs("microdnf install -y --setopt install_weak_deps=0 postgresql-libs");
    assert_eq!((found[0].manager, found[0].names()), (Manager::Dnf, vec!["postgresql-libs"]));
    for nothing in
        ["echo apt-get install gcc", "apt-get remove gcc", "apk del gcc", "pip freeze", "pip download x"]
    {
        assert!(installs(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn pip_is_found_by_each_of_its_names() {
    for program in
        ["pip", "pip3", "/venv/bin/pip", "python -m pip", "python3.13 -I -m pip", "uv pip", "PIP_X=1 pip3.13"]
    {
        let found = installs(&format!(
            "{program} install --no-cache-dir --only-binary :all: -r requirements.txt -rmore.txt \
             --requirement=last.txt 'flask[async]>=3' gunicorn==23.0.0 -e ./local"
        ));
        assert_eq!(found.len(), 1, "{program}");
        assert_eq!(found[0].manager, Manager::Pip);
        assert_eq!(texts(&found[0].requirements), ["requirements.txt", "more.txt", "last.txt"]);
        assert_eq!(found[0].names(), ["flask", "gunicorn", "./local"], "{program}");
        assert!(found[0].has(&["--no-cache-dir"]) && found[0].has(&["--only-binary"]));
    }
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let file = Dockerfile::parse(
        "RUN early\nFROM a AS x\nFRMO b\nCOPY one\nUSER\nFROM b AS X\nSHELL bash\nONBUILD FROM c\nFROM d e\n\nCMD\n",
    );
    let told: Vec<_> = file.mistakes.iter().map(|one| (one.place.line, one.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "RUN stands before the first FROM"),
            (3, "this line begins with no instruction of a Dockerfile"),
            (4, "COPY needs a source and a destination"),
            (5, "USER needs an argument"),
            (6, "there are two stages named X"),
            (7, "SHELL needs a JSON array"),
            (8, "ONBUILD cannot be followed by FROM"),
            (9, "FROM takes `image` or `image AS name`"),
        ]
    );
    for nothing in ["", "\n\n# only a comment\n", "ARG A=1\n"] {
        let file = Dockerfile::parse(nothing);
        assert_eq!(file.mistakes[0].message, "there is no FROM", "{nothing:?}");
    }
}

#[test]
fn what_is_endless_ends() {
    let doubling: String =
        (1..80).map(|n| format!("ARG A{n}=$A{}$A{}\n", n - 1, n - 1)).collect::<Vec<_>>().concat();
    let file = read(&format!("ARG A0=aaaa\n{doubling}FROM x:$A79\n{}", doubling.replace("ARG", "ENV")));
    assert!(image(&file.stages[0].base).unknown);
    let many = "FROM a\n".repeat(2000);
    assert!(Dockerfile::parse(&many).mistakes[0].message.contains("stages"));
    let long = format!("FROM a\nRUN {}\n", "x".repeat(MAX_BYTES));
    assert!(Dockerfile::read(long.as_bytes()).mistakes[0].message.contains("longer"));
}

/// Texts of which a Dockerfile is made, so that chance gets further than the first line.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "FROM ",
            "RUN ",
            "COPY ",
            "CMD ",
            "ENV ",
            "ARG ",
            "ONBUILD ",
            "# escape=`\n",
            "<<EOF",
            "EOF\n",
            "\\\n",
            "\n",
            "[\"",
            "\"]",
            "'",
            "\"",
            "$",
            "${A:-",
            "}",
            "$(",
            ")",
            "&&",
            "`",
            "--from=",
            "=",
            "\r\n",
            "\t",
            " ",
            "é",
            "pip install ",
            "-r",
            "apt-get install ",
            ">",
            "2>&1",
            "@",
            ":",
            "as x",
            "sh -c ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn everything(file: &Dockerfile) {
    for stage in &file.stages {
        let _ = (file.user(stage), file.exposed(stage), file.environment(stage), file.variables(stage));
        let _ = (file.start(stage), file.lineage(stage));
        for install in stage.installs() {
            let _ = install.names();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        everything(&Dockerfile::read(&bytes));
    }

    #[test]
    fn anything_like_a_dockerfile_is_read(text in pieces()) {
        let file = Dockerfile::parse(&format!("FROM a\n{text}"));
        everything(&file);
        let lines = text.split('\n').count() + 1;
        let places = file.stages.iter().flat_map(|stage| stage.instructions.iter().map(|one| one.place));
        for place in places.chain(file.mistakes.iter().map(|one| one.place)) {
            prop_assert!(place.line >= 1 && place.line <= lines && place.column >= 1);
        }
    }
}

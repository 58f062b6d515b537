//! Whatever the bytes are, reading ends, within its bounds, and shows nothing that it should not.

use std::collections::BTreeMap;

use acarecipe::requirements::{Environment, MAX_FILES, Table, from_files, judge, read};
use proptest::prelude::*;

/// Pieces that a requirements file is made of, so that random ones get past the first character.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("-r a.txt".to_owned()),
        Just("-c requirements.txt".to_owned()),
        Just("-e ".to_owned()),
        Just("--hash=sha256:ab ".to_owned()),
        Just("--no-binary :all:".to_owned()),
        Just("psycopg2".to_owned()),
        Just("psycopg[c,binary]".to_owned()),
        Just(" @ git+https://u:p@e.example/x#egg=x".to_owned()),
        Just("==1.2".to_owned()),
        Just(">=1!0.dev1,<2.post1+local".to_owned()),
        Just(" ; python_version".to_owned()),
        Just(" >= '3.8' and (".to_owned()),
        Just("\\\n".to_owned()),
        Just("\n".to_owned()),
        Just(" # ".to_owned()),
        Just("'\"${TOKEN}".to_owned()),
        "[\\PC\n\r\t\0]{0,12}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn table() -> Table {
    Table::read(&serde_json::json!({ "packages": {
        "psycopg": { "import": "psycopg", "extras": { "c": "psycopg2" } },
        "psycopg2": { "import": "psycopg2", "wheels": { "python": { "3.9": "1.2", "3.11+": "2" } } },
    }}))
    .unwrap()
}

fn survives(name: &str, bytes: Vec<u8>) {
    let files: BTreeMap<String, Vec<u8>> =
        [(name.to_owned(), bytes.clone()), ("a.txt".to_owned(), bytes)].into_iter().collect();
    let read = read(name, &["x".to_owned()], from_files(&files)).unwrap();
    assert!(read.files.len() <= MAX_FILES && read.findings.len() <= 300);
    for finding in &read.findings {
        assert!(finding.place.line >= 1 && finding.message.chars().count() < 600, "{finding:?}");
        assert!(!finding.message.contains("u:p@"), "{finding:?}");
    }
    for image in ["python:3.12-slim", "python:3-alpine", "x"] {
        let needs = judge(&read, &table(), &Environment::of_image(image));
        for native in needs.native {
            assert!(["psycopg", "psycopg2"].contains(&native.import.as_str()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survives("requirements.txt", bytes.clone());
        survives("pyproject.toml", bytes);
    }

    #[test]
    fn anything_like_a_requirements_file(text in pieces()) {
        survives("requirements.txt", text.clone().into_bytes());
        survives("pyproject.toml", format!("[project]\ndependencies = ['''{text}''']").into_bytes());
    }

    #[test]
    fn any_name_of_an_image(name in "\\PC{0,60}") {
        let _ = Environment::of_image(&name).with_python(&name).on(&name);
    }

    #[test]
    fn any_json_is_a_table_or_not(text in "[\\[\\]{}\":,a-z0-9.+]{0,80}") {
        if let Ok(json) = serde_json::from_str(&text) {
            let _ = Table::read(&json);
        }
    }
}

#[test]
fn what_nests_deeply_ends() {
    survives("requirements.txt", format!("six ; {}", "(".repeat(100_000)).into_bytes());
    survives("requirements.txt", format!("six ; {}", "os_name == 'a' or ".repeat(50_000)).into_bytes());
    survives("requirements.txt", "six \\\n".repeat(100_000).into_bytes());
    survives("pyproject.toml", format!("a = {}", "[".repeat(100_000)).into_bytes());
    survives("requirements.txt", format!("six=={}", "1.".repeat(200_000)).into_bytes());
    survives("requirements.txt", "numpy==1\n".repeat(100_000).into_bytes());
}

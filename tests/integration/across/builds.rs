//! An image that a registry in another process builds: the archive really goes over the wire, and no link to where
//! it goes is told.

use acarecipe::context::Context;
use acarecipe::sandbox::seed;

use super::process::{Server, Start};

fn sources() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = "FROM python:3.13-slim\nCOPY app.py .\nEXPOSE 8000\n";
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    // Larger than one read of a file, and than one write to a socket.
    let line = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string();
    let noise = (0..60_000).map(line).collect::<Vec<_>>().join("\n");
    std::fs::write(folder.path().join("app.py"), noise).unwrap();
    folder
}

#[test]
fn a_folder_is_sent_built_and_run_and_no_link_is_told() {
    let sources = sources();
    let digest = Context::open(sources.path(), "Dockerfile", None).unwrap().digest().unwrap();
    let build = format!("container-registry.build={}", sources.path().display());
    for serve in [&[][..], &["--https"][..]] {
        let server = Server::start(serve);
        let apply = |more: &[&str]| {
            let arguments = ["apply", "container-registry", "-p", &build, "--yes", "--role-wait", "0s", "-v"];
            let start = Start::new(&server.endpoint, &[&arguments[..], more].concat());
            let start = start.env("ACR_NAME", seed::REGISTRY);
            match &server.ca {
                Some(ca) => start.env("SSL_CERT_FILE", ca),
                None => start,
            }
            .run()
        };
        let ended = apply(&["-o", "json"]);
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
        let state = server.state();
        let registry = state.registry(seed::REGISTRY).unwrap();
        let archive = registry.tasks.uploads[0].archive.as_ref().unwrap();
        assert_eq!(archive.digest, digest.0, "what arrived is what was counted");
        assert!(archive.bytes > 300_000, "{}", archive.bytes);
        let (_, made) = registry.repositories[seed::APP].tags.iter().next().unwrap();
        let image = state.app(seed::APP).unwrap().template()["containers"][0]["image"].clone();
        assert_eq!(image, format!("{}/{}@{made}", seed::login_server(seed::REGISTRY), seed::APP));
        assert!(ended.err.contains("Step 1/3 : FROM python"), "the log is shown: {}", ended.err);
        let keys = registry.tasks.uploads.iter().map(|one| &one.key);
        let keys: Vec<&String> = keys.chain(registry.tasks.runs.iter().map(|one| &one.key)).collect();
        assert_eq!(keys.len(), 2);

        // Again, which sends nothing; and once more with a connection to the storage that breaks.
        let before = server.exchanges().len();
        assert_eq!(apply(&[]).code(), Some(0));
        let posts = server.exchanges().split_off(before);
        assert!(
            posts
                .iter()
                .all(|one| one["method"] != "POST" || one["path"].as_str().unwrap().ends_with("listSecrets"))
        );
        std::fs::write(sources.path().join("other.txt"), "x").unwrap();
        server.faults(&["match=PUT:/source/ reset-before times=1"]);
        let broken = apply(&["-o", "json"]);
        assert_eq!(broken.code(), Some(0), "the archive is sent again: {broken:#?}");
        assert!(broken.err.contains("the registry's storage"), "and that is told: {}", broken.err);
        std::fs::remove_file(sources.path().join("other.txt")).unwrap();
        let state = server.state();
        let uploads = &state.registry(seed::REGISTRY).unwrap().tasks.uploads;
        for told in [&ended.out, &ended.err, &broken.out, &broken.err] {
            assert!(!told.contains("sig="), "{told}");
            assert!(keys.iter().all(|key| !told.contains(key.as_str())));
            assert!(uploads.iter().all(|one| !told.contains(&one.key)));
        }
    }
}

//! Every place where the client goes where an answer says, and every way to write that this is somewhere else: nothing
//! arrives there, and the token goes nowhere but to the endpoint.
//!
//! Each spelling has a server and a client of its own at each place, which add up in a debug
//! build. So every day each spelling is met at the next page and at some of the other places, by turns, such that each
//! place meets some; with `ACARECIPE_ALL_FAULTS` in the environment all of them are met everywhere.

use std::net::TcpListener;

use acarecipe::azure::{ArmErrorKind, ArmRequest, Method};
use serde_json::json;
use time::OffsetDateTime;

use super::hostile::{Socket, TOKEN, client, custom, http};
use super::script::{APP, Act, VERSION, World, answer, get, in_minutes, ok};
use crate::support::say;

/// Where an answer says to go on.
#[derive(Clone, Copy, Debug)]
enum Place {
    NextLink,
    /// A header of an accepted write of this method.
    Header(&'static str, Method),
    /// A redirect of this status, of a read and of a write.
    Redirect(&'static str, Method),
}

fn places() -> Vec<Place> {
    let mut all = vec![Place::NextLink];
    for method in [Method::Put, Method::Patch, Method::Post, Method::Delete] {
        all.push(Place::Header("location", method));
        all.push(Place::Header("azure-asyncoperation", method));
    }
    all.push(Place::Header("operation-location", Method::Patch));
    for status in ["300 Choose", "301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
    {
        all.push(Place::Redirect(status, Method::Get));
    }
    for status in ["307 Temporary", "308 Permanent"] {
        all.push(Place::Redirect(status, Method::Put));
        all.push(Place::Redirect(status, Method::Post));
    }
    all
}

/// Links to elsewhere: `OWN` is the endpoint's host and port, `OTHER` that of whoever listens, `PORT` its port.
const ELSEWHERE: &[&str] = &[
    "http://OTHER/x",
    "HTTP://OTHER/x",
    "//OTHER/x",
    r"\\OTHER\x",
    r"/\OTHER/x",
    r"http:\\OTHER/x",
    "  http://OTHER/x",
    "http://user@OTHER/x",
    "http://user:word@OTHER/x",
    "http://user@OWN/x",
    "http://OWN@OTHER/x",
    "http://OTHER#@OWN/x",
    "http://OTHER?@OWN/x",
    r"http://OTHER\@OWN/x",
    "https://OWN/x",
    "https://OTHER/x",
    "http://0x7f.1:PORT/x",
    "http://2130706433:PORT/x",
    "http://127.1:PORT/x",
    "http://127.0.0.1.:PORT/x",
    "http://0177.0.0.1:PORT/x",
    "http://localhost:PORT/x",
    "http://LOCALHOST:PORT/x",
    "http://localhost.:PORT/x",
    "http://[::1]:PORT/x",
    "http://[::ffff:127.0.0.1]:PORT/x",
    "http://%31%32%37.0.0.1:PORT/x",
    "http://evil.example/x",
    "ws://OTHER/x",
    "ftp://OTHER/x",
    "file:///etc/hostname",
    "data:application/json,{}",
    "javascript:alert(1)",
    "http://",
    "http://:80/",
    "http://[::1",
    "http://OWN:0x50/",
];

/// The same where a header cannot carry them.
const IN_A_BODY: &[&str] = &[
    "http://１２７.0.0.1:PORT/x",
    "http://127。0。0。1:PORT/x",
    "ht\ttp://OTHER/x",
    "http://OT\nHER/x",
    "http://ⓛocalhost:PORT/x",
];

/// How many places have to be met for every spelling to be, on every day.
const TURNS: usize = 9;

/// Answers as this place does, with `link`; what came of it, in words.
async fn follow(place: Place, link: &str) -> (Socket, Result<(), String>) {
    let socket = match place {
        Place::NextLink => {
            Socket::open(http("200 OK", "", &json!({ "value": [], "nextLink": link }).to_string()))
        }
        Place::Header(name, _) => Socket::open(http("202 Accepted", &format!("{name}: {link}\r\n"), "")),
        Place::Redirect(status, _) => Socket::open(http(status, &format!("location: {link}\r\n"), "")),
    };
    let client = client(custom(&socket.url()));
    // Where the resource is asked instead, its next look would be after the deadline: nothing is waited for.
    let asks = matches!(place, Place::Header("operation-location", _));
    let limit = if asks { time::Duration::seconds(3) } else { time::Duration::seconds(30) };
    let soon = OffsetDateTime::now_utc() + limit;
    let told = match place {
        Place::NextLink => client.list(&ArmRequest::get(APP, VERSION), soon).await.map(|_| ()),
        Place::Header(_, method) | Place::Redirect(_, method) => {
            let request = ArmRequest::new(method, APP, VERSION);
            if method == Method::Get {
                client.read(&request, soon).await.map(|_| ())
            } else {
                match client.write(&request.body(json!({})), soon).await {
                    Err(error) => Err(error),
                    Ok(accepted) => match &accepted.operation {
                        Some(operation) => client.finish(operation, soon).await.map(|_| ()),
                        None => Ok(()),
                    },
                }
            }
        }
    };
    (socket, told.map_err(|error| format!("{error} {error:?} {:?}", error.to_diagnostic())))
}

#[tokio::test]
async fn nothing_arrives_where_an_answer_points_to() {
    let other = Socket::open(http("200 OK", "", r#"{"value":[],"status":"Succeeded"}"#));
    let port = other.address.port().to_string();
    // The same port of the other family, where there is one: names lead there, too.
    let six = TcpListener::bind(("::1", other.address.port())).ok();
    if let Some(six) = &six {
        six.set_nonblocking(true).unwrap();
    }
    let all = std::env::var_os("ACARECIPE_ALL_FAULTS").is_some();
    let mut followed = 0;
    for (at, place) in places().into_iter().enumerate() {
        let in_a_body = matches!(place, Place::NextLink);
        let links = ELSEWHERE.iter().chain(IN_A_BODY.iter().filter(|_| in_a_body));
        for (number, link) in links.enumerate() {
            if !(all || in_a_body || number % TURNS == at % TURNS) {
                continue;
            }
            // What the endpoint is called is only known once it is open; a name that stands for it will do.
            let link = link.replace("OTHER", &other.address.to_string()).replace("PORT", &port);
            let link = link.replace("OWN", "127.0.0.1:9");
            let (own, told) = follow(place, &link).await;
            assert_eq!(other.arrived(), "", "{place:?} {link}");
            let arrived = own.arrived();
            let requests = arrived.matches("HTTP/1.1\r\n").count();
            assert_eq!(arrived.matches(&format!("authorization: Bearer {TOKEN}\r\n")).count(), requests);
            match (place, told) {
                // Nobody reads that header; the resource is asked instead, and is not at an end in this script.
                (Place::Header("operation-location", _), Err(told)) => {
                    assert!(!told.contains(TOKEN), "{told}");
                }
                (Place::Redirect(..) | Place::Header(..) | Place::NextLink, Err(told)) => {
                    let says =
                        ["not followed", "redirect", "another host"].iter().any(|words| told.contains(words));
                    assert!(says, "{place:?} {link}: {told}");
                    assert!(!told.contains(TOKEN) && !told.contains("word"), "{told}");
                }
                (_, Ok(())) => panic!("{place:?} {link} was followed"),
            }
            followed += 1;
        }
    }
    assert!(followed > if all { 700 } else { 100 }, "{followed}");
    say!("links to elsewhere: {followed} of them not followed, each by a client of its own");
    if let Some(six) = six {
        assert!(six.accept().is_err(), "somebody came by IPv6");
    }
}

/// A page, or an operation, is where the endpoint is, however that is written; everything else is another host.
#[tokio::test]
async fn only_the_endpoint_itself_is_followed_however_it_is_written() {
    let own = [
        "https://management.azure.com/next",
        "HTTPS://MANAGEMENT.AZURE.COM/next",
        "https://management.azure.com:443/next",
        "//management.azure.com/next",
        "/next",
        "/a/../next",
        "https://management.azure.com/@evil.example/next",
        "https://management.azure.com/next?to=https://evil.example",
        "https://management%2eazure.com/next",
    ];
    let elsewhere = [
        "https://management.azure.com./next",
        "https://management.azure.com:444/next",
        "https://management.azure.com:80/next",
        "http://management.azure.com/next",
        "http://management.azure.com:443/next",
        "https://user@management.azure.com/next",
        "https://:word@management.azure.com/next",
        "https://management.azure.com@evil.example/next",
        "https://management.azure.com.evil.example/next",
        "https://evil.management.azure.com/next",
        "https://xmanagement.azure.com/next",
        "https://management-azure.com/next",
        "https://management.azure.com%2f.evil.example/next",
        r"https://evil.example\@management.azure.com/next",
        r"https://evil.example\.management.azure.com",
        "https://mаnagement.azure.com/next",
        "https://management.azure.co\u{200b}m.evil.example/next",
        "https://xn--mnagement-86f.azure.com/next",
        "https://management.usgovcloudapi.net/next",
        "https://management.chinacloudapi.cn/next",
        "https://portal.azure.com/next",
        "https://20.0.0.1/next",
        "wss://management.azure.com/next",
        "about:blank",
        "mailto:a@management.azure.com",
        "https://",
    ];
    let page = |link: &str| ok(&json!({ "value": [1], "nextLink": link }).to_string());
    let accepted = |name: &'static str, link: &str| answer(202, "").with(name, link);
    for (links, follows) in [(&own[..], true), (&elsewhere[..], false)] {
        for link in links {
            let last =
                || ok(r#"{"value":[2],"status":"Succeeded","properties":{"provisioningState":"Succeeded"}}"#);
            let scripts: Vec<Vec<Act>> = vec![
                vec![page(link), last()],
                vec![accepted("location", link), last()],
                vec![accepted("azure-asyncoperation", link), last()],
                // Of both the other one would do.
                vec![
                    accepted("azure-asyncoperation", "https://management.azure.com/op")
                        .with("location", *link),
                    last(),
                ],
            ];
            for (at, script) in scripts.into_iter().enumerate() {
                let world = World::new(script);
                let ended = if at == 0 {
                    world.client.list(&get(), in_minutes(5)).await.map(|_| ())
                } else {
                    let patch = ArmRequest::new(Method::Patch, APP, VERSION).body(json!({}));
                    match world.client.write(&patch, in_minutes(5)).await {
                        Ok(accepted) => world.client.wait(&accepted.operation.unwrap(), in_minutes(5)).await,
                        Err(error) => Err(error),
                    }
                };
                for seen in world.seen() {
                    let url: url::Url = seen.url.parse().unwrap();
                    let place = (url.scheme(), url.host_str(), url.port(), url.username(), url.password());
                    assert_eq!(place, ("https", Some("management.azure.com"), None, "", None), "{link}");
                }
                match ended {
                    Ok(()) => assert!(follows && world.finished(), "{at} {link} was followed"),
                    Err(error) => {
                        assert!(!follows, "{at} {link}: {error}");
                        assert!(
                            matches!(error.kind(), ArmErrorKind::ForeignHost { .. }),
                            "{at} {link}: {error}"
                        );
                        assert!(!error.to_string().contains("word"), "{error}");
                    }
                }
            }
        }
    }
}

/// A link with a token in it would be told with each request, and kept in a journal.
#[tokio::test]
async fn a_link_that_repeats_the_token_is_not_followed() {
    let token = "sandbox-owner";
    for spelt in [
        token.to_owned(),
        token.replace('-', "%2D"),
        token.replace('o', "%6f"),
        "c2FuZGJveC1vd25lcg".to_owned(),
    ] {
        for link in [
            format!("https://management.azure.com/{spelt}/x"),
            format!("/x?sig={spelt}"),
            format!("/x/{spelt}"),
        ] {
            let world = World::new([ok(&json!({ "value": [], "nextLink": link }).to_string())]);
            let error = world.client.list(&get(), in_minutes(5)).await.unwrap_err();
            let told = format!("{error} {error:?} {:?} {:?}", error.to_diagnostic(), world.events());
            assert!(told.contains("repeats a secret"), "{told}");
            assert!(!told.contains(&spelt) && !told.contains(token), "{told}");
            let world = World::new([answer(202, "").with("azure-asyncoperation", link)]);
            let patch = ArmRequest::new(Method::Patch, APP, VERSION).body(json!({}));
            let error = world.client.write(&patch, in_minutes(5)).await.unwrap_err();
            assert!(error.to_string().contains("repeats a secret"), "{error}");
        }
    }
}

/// What a server says back in an error, an operation, a state or a header.
#[tokio::test]
async fn what_is_hidden_is_told_by_no_server() {
    let secret = "p4ss/word+with \"quotes\" and ümlaut";
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let all = format!("{secret} {form} sandbox-owner");
    let failed = |status: &str| {
        json!({ "status": status, "error": { "code": all, "message": all, "details": [{ "code": all, "message": all, "target": all }],
            "additionalInfo": [{ "type": "PolicyViolation", "info": { "policyDefinitionDisplayName": all, "policyAssignmentDisplayName": all } }] } })
        .to_string()
    };
    let mut parts: Vec<String> =
        ["p4ss", "%22quotes", "\"quotes"].iter().map(|part| (*part).to_owned()).collect();
    parts.push("sandbox-owner".to_owned());
    let scripts: Vec<Vec<Act>> = vec![
        vec![answer(400, &failed("x"))],
        vec![answer(409, &all)],
        vec![answer(400, &format!("<html><title>{all}</title></html>"))],
        vec![
            answer(202, "").with("azure-asyncoperation", "/op"),
            answer(500, &failed("x")).with("x-ms-correlation-request-id", "sandbox-owner"),
            ok(&json!({ "status": all }).to_string()),
            ok(&failed("Failed")),
        ],
        vec![answer(202, "").with("location", "/op"), answer(400, &failed("x"))],
        vec![ok(&format!("{{ {all}"))],
    ];
    for script in scripts {
        let world = World::new(script);
        world.client.hide([secret.to_owned()]);
        let patch = ArmRequest::new(Method::Patch, APP, VERSION).body(json!({}));
        let ended = match world.client.write(&patch, in_minutes(5)).await {
            Ok(accepted) => {
                world.client.finish(&accepted.operation.unwrap(), in_minutes(5)).await.map(|_| ())
            }
            Err(error) => Err(error),
        };
        let error = ended.unwrap_err();
        assert!(world.finished());
        let told = format!("{error} {error:?} {:?} {:?}", error.to_diagnostic(), world.events());
        for part in &parts {
            assert!(!told.contains(part.as_str()), "{part} in {told}");
        }
    }
    // It stays hidden in clones, which share what is known.
    let world = World::new([answer(400, &failed("x"))]);
    world.client.apart().hide([secret.to_owned()]);
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert!(!error.to_string().contains("p4ss"), "{error}");
}

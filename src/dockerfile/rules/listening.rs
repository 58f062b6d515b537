//! Where the program of an image listens, as far as its words and variables tell.

use std::collections::BTreeMap;

use crate::dockerfile::{Dockerfile, Start, Word};

/// Where a program listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Whether only the container itself reaches it.
    pub local: bool,
    /// The port.
    pub port: Port,
    /// What says so, in a few words.
    pub because: String,
}

/// A port, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// It is this one.
    Known(u16),
    /// It is set elsewhere.
    Elsewhere,
}

/// Programs, each with where it listens when nothing is said, its flags for the address and for the port, and those
/// for both together or for a file that may say it.
struct Program {
    name: &'static str,
    host: &'static str,
    port: u16,
    host_flags: &'static [&'static str],
    port_flags: &'static [&'static str],
    both: &'static [&'static str],
    file_flags: &'static [&'static str],
}

/// Sources: <https://docs.gunicorn.org/en/stable/settings.html#bind>, <https://uvicorn.dev/settings/>,
/// <https://hypercorn.readthedocs.io/en/latest/how_to_guides/configuring.html>,
/// <https://flask.palletsprojects.com/en/stable/cli/>, <https://fastapi.tiangolo.com/fastapi-cli/>,
/// <https://docs.pylonsproject.org/projects/waitress/en/stable/runner.html>,
/// <https://docs.streamlit.io/develop/api-reference/configuration/config.toml>.
const PROGRAMS: &[Program] = &[
    Program {
        name: "gunicorn",
        host: "127.0.0.1",
        port: 8000,
        host_flags: &[],
        port_flags: &[],
        both: &["-b", "--bind"],
        file_flags: &["-c", "--config"],
    },
    Program {
        name: "uvicorn",
        host: "127.0.0.1",
        port: 8000,
        host_flags: &["--host"],
        port_flags: &["--port"],
        both: &[],
        file_flags: &["--uds", "--fd"],
    },
    Program {
        name: "hypercorn",
        host: "127.0.0.1",
        port: 8000,
        host_flags: &[],
        port_flags: &[],
        both: &["-b", "--bind"],
        file_flags: &["-c", "--config"],
    },
    Program {
        name: "waitress-serve",
        host: "0.0.0.0",
        port: 8080,
        host_flags: &["--host"],
        port_flags: &["--port"],
        both: &["--listen"],
        file_flags: &["--unix-socket"],
    },
    Program {
        name: "flask",
        host: "127.0.0.1",
        port: 5000,
        host_flags: &["-h", "--host"],
        port_flags: &["-p", "--port"],
        both: &[],
        file_flags: &[],
    },
    Program {
        name: "fastapi",
        host: "0.0.0.0",
        port: 8000,
        host_flags: &["--host"],
        port_flags: &["--port"],
        both: &[],
        file_flags: &[],
    },
    Program {
        name: "streamlit",
        host: "0.0.0.0",
        port: 8501,
        host_flags: &["--server.address"],
        port_flags: &["--server.port"],
        both: &[],
        file_flags: &[],
    },
];

/// Where the program listens that an image starts; `None`: it is none that is known here.
pub(super) fn of(
    start: &Start,
    environment: &BTreeMap<String, String>,
    configured: bool,
) -> Option<Listening> {
    let (program, words) = program(&start.words)?;
    // The words of a shell form are expanded by the shell, with what the image sets.
    let value = |text: &str| -> Option<String> {
        if start.literal { Some(text.to_owned()) } else { Dockerfile::expand(text, environment) }
    };
    let flag = |names: &[&str]| -> Option<(String, Option<String>)> {
        words.iter().enumerate().rev().find_map(|(at, word)| {
            names.iter().find_map(|name| {
                let rest = word.text.strip_prefix(name)?;
                let written = match rest.strip_prefix('=') {
                    Some(written) => written.to_owned(),
                    None if rest.is_empty() => words.get(at + 1)?.text.clone(),
                    // `-b0.0.0.0:80`
                    None if name.len() == 2 => rest.to_owned(),
                    None => return None,
                };
                Some(((*name).to_owned(), value(&written)))
            })
        })
    };
    let unknown =
        |because: &str| Listening { local: false, port: Port::Elsewhere, because: because.to_owned() };
    let name = program.name;
    if let Some((flag, value)) = flag(program.both) {
        let Some(value) = value else {
            return Some(unknown(&format!("{name} {flag} has a variable that the image does not set")));
        };
        if value.starts_with("unix:") || value.starts_with("fd:") {
            return Some(unknown(&format!("{name} listens on a socket file")));
        }
        let (host, port) = match value.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (value.as_str(), None),
        };
        let port = port.map_or(Some(program.port), |port| port.parse().ok());
        let because = format!("{name} {flag}");
        return Some(Listening {
            local: is_local(host),
            port: port.map_or(Port::Elsewhere, Port::Known),
            because,
        });
    }
    if flag(program.file_flags).is_some()
        || (configured && !program.file_flags.is_empty() && name == "gunicorn")
    {
        return Some(unknown(&format!("a configuration of {name} may say where it listens")));
    }
    let own = |name: &str| environment.get(name).cloned();
    match name {
        "gunicorn" if own("GUNICORN_CMD_ARGS").is_some() => {
            return Some(unknown("GUNICORN_CMD_ARGS may say where gunicorn listens"));
        }
        // https://docs.gunicorn.org/en/stable/settings.html#bind: with PORT it listens on all addresses.
        "gunicorn" => {
            if let Some(port) = own("PORT") {
                let port = port.parse().map_or(Port::Elsewhere, Port::Known);
                return Some(Listening {
                    local: false,
                    port,
                    because: "gunicorn listens on $PORT".to_owned(),
                });
            }
        }
        _ => {}
    }
    let variable = |ends: [&str; 2]| match name {
        "uvicorn" => own(&format!("UVICORN_{}", ends[0])),
        "flask" => own(&format!("FLASK_RUN_{}", ends[0])),
        "streamlit" => own(&format!("STREAMLIT_SERVER_{}", ends[1])),
        _ => None,
    };
    let host = match flag(program.host_flags) {
        Some((_, Some(host))) => host,
        Some((_, None)) => {
            return Some(unknown(&format!(
                "the address of {name} is a variable that the image does not set"
            )));
        }
        None => variable(["HOST", "ADDRESS"]).unwrap_or_else(|| program.host.to_owned()),
    };
    let (port, because) = match flag(program.port_flags) {
        Some((flag, port)) => (port.and_then(|port| port.parse().ok()), format!("{name} {flag}")),
        None => match variable(["PORT", "PORT"]) {
            Some(port) => (port.parse().ok(), format!("a variable of {name}")),
            None => (Some(program.port), format!("that is where {name} listens unless it is told otherwise")),
        },
    };
    Some(Listening { local: is_local(&host), port: port.map_or(Port::Elsewhere, Port::Known), because })
}

fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches("http://").trim_matches(['[', ']']);
    host == "localhost" || host.starts_with("127.") || host == "::1"
}

/// The server among the words: the program itself, or the module that Python runs.
fn program(words: &[Word]) -> Option<(&'static Program, &[Word])> {
    let name_of = |word: &Word| word.text.rsplit('/').next().unwrap_or_default().to_owned();
    let mut rest = words;
    loop {
        let (first, after) = rest.split_first()?;
        let name = name_of(first);
        if let Some(known) = PROGRAMS.iter().find(|program| program.name == name) {
            return Some((known, after));
        }
        rest = match name.as_str() {
            // Programs that run the one after them.
            "tini" | "dumb-init" | "opentelemetry-instrument" | "ddtrace-run" | "env" | "--" => after,
            "newrelic-admin" | "poetry" | "uv" | "pipenv" | "pdm" => after.get(1..)?,
            name if name.starts_with("python") => {
                let at = after.iter().position(|word| word.text == "-m")?;
                after.get(at + 1..)?
            }
            name if name.starts_with('-') || name.contains('=') => after,
            _ => return None,
        };
    }
}

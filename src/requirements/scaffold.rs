//! A Dockerfile for a project, with exactly the system packages that it needs, each in the stage that needs it.

use std::fmt::Write as _;

use super::{Environment, Family, Needed, Package, Requirements, Table, judge};

/// What a Dockerfile is written from.
#[derive(Clone, Debug)]
pub struct Scaffold<'a> {
    /// What is installed.
    pub requirements: &'a Requirements,
    /// What native packages need.
    pub table: &'a Table,
    /// Python and distribution; of a Python that is not given the newest that samples use.
    pub environment: Environment,
    /// The app's own files, beside the Dockerfile.
    pub files: &'a [String],
    /// The app's own folders, beside the Dockerfile.
    pub folders: &'a [String],
    /// Takes wheels only.
    pub only_binary: bool,
    /// The port that the app listens on.
    pub port: u16,
}

/// The Python of an image when nothing says which.
const PYTHON: u32 = 13;

impl Scaffold<'_> {
    /// The base image: the minor version of Python and the release of the distribution are pinned.
    fn image(&self) -> String {
        let python = self.environment.python.unwrap_or(PYTHON);
        match self.environment.family {
            Some(Family::Alpine) => format!("python:3.{python}-alpine3.22"),
            _ => format!("python:3.{python}-slim-trixie"),
        }
    }

    /// The environment that packages are installed in.
    pub fn environment(&self) -> Environment {
        Environment::of_image(&self.image())
    }

    /// The text of the Dockerfile.
    pub fn dockerfile(&self) -> String {
        let needs = judge(self.requirements, self.table, &self.environment());
        let image = self.image();
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# The minor version of Python and the release of the base are pinned; their security fixes come with each build."
        );
        let _ = writeln!(out, "FROM {image} AS build");
        self.system(&mut out, &needs.build, "to build");
        for file in &self.requirements.files {
            let folder =
                file.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| format!("{folder}/"));
            let _ = writeln!(out, "COPY {file} {folder}");
        }
        let hashes = if self.hashed() { "--require-hashes " } else { "" };
        let binary = if self.only_binary { "--only-binary :all: " } else { "" };
        let first = self.requirements.files.first().map_or("requirements.txt", String::as_str);
        let _ = writeln!(
            out,
            "RUN python -m venv /venv \\\n    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check {hashes}{binary}-r {first}"
        );
        let _ = writeln!(out, "\nFROM {image}");
        self.system(&mut out, &needs.runtime, "to run");
        let _ = writeln!(
            out,
            "ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PORT={}",
            self.port
        );
        out.push_str("COPY --from=build /venv /venv\nWORKDIR /app\n");
        if !self.files.is_empty() {
            let _ = writeln!(
                out,
                "COPY {} {}",
                self.files.join(" "),
                if self.files.len() > 1 { "./" } else { "." }
            );
        }
        for folder in self.folders {
            let _ = writeln!(out, "COPY {folder} {folder}");
        }
        out.push_str("# A number: Kubernetes can tell that it is not root only by that.\nUSER 10001:10001\n");
        let _ = writeln!(out, "EXPOSE {}", self.port);
        out.push_str(&self.command());
        out
    }

    /// The text of the `.dockerignore`: nothing but what is copied.
    pub fn dockerignore(&self) -> String {
        let mut out = "# Nothing but what the Dockerfile copies.\n*\n".to_owned();
        for name in self.requirements.files.iter().chain(self.files).chain(self.folders) {
            let _ = writeln!(out, "!{name}");
        }
        if !self.folders.is_empty() {
            out.push_str("**/__pycache__\n");
        }
        out
    }

    fn system(&self, out: &mut String, needed: &[Needed], why: &str) {
        if needed.is_empty() {
            return;
        }
        let mut by: Vec<&str> = needed.iter().flat_map(|one| &one.by).map(String::as_str).collect();
        by.sort_unstable();
        by.dedup();
        let _ = writeln!(out, "# {why} {}", by.join(", "));
        let names: Vec<&str> = needed.iter().map(|one| one.package.as_str()).collect();
        let names = names.join(" ");
        let _ = match self.environment.family {
            Some(Family::Alpine) => writeln!(out, "RUN apk add --no-cache {names}"),
            _ => writeln!(
                out,
                "RUN apt-get update \\\n    && apt-get install -y --no-install-recommends {names} \\\n    && rm -rf /var/lib/apt/lists/*"
            ),
        };
    }

    fn installed(&self) -> impl Iterator<Item = &Package> {
        self.requirements.packages.iter().filter(|package| !package.constraint)
    }

    fn hashed(&self) -> bool {
        self.installed().next().is_some() && self.installed().all(|package| package.hashes > 0)
    }

    /// Started as it is, without a shell, by the server that is installed.
    fn command(&self) -> String {
        let has = |name: &str| self.installed().any(|package| package.name == name);
        let stem = |name: &String| name.strip_suffix(".py").map(str::to_owned);
        let modules: Vec<String> = self.files.iter().filter_map(stem).collect();
        let named =
            ["app", "main", "wsgi", "asgi"].into_iter().find(|one| modules.iter().any(|have| have == one));
        let module =
            named.map(str::to_owned).or_else(|| modules.first().cloned()).unwrap_or_else(|| "app".to_owned());
        let port = self.port;
        if has("uvicorn") && !has("flask") && !has("django") {
            return format!("CMD [\"uvicorn\", \"--host=0.0.0.0\", \"--port={port}\", \"{module}:app\"]\n");
        }
        if has("gunicorn") {
            return format!(
                "# gunicorn listens on $PORT; threads, because a request mostly waits for the network.\n\
                 CMD [\"gunicorn\", \"--threads=8\", \"--access-logfile=-\", \"{module}:app\"]\n"
            );
        }
        format!("# The app itself listens on $PORT, on all addresses.\nCMD [\"python\", \"{module}.py\"]\n")
    }
}

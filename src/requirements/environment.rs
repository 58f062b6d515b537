//! Where packages are installed: the Python, the machine and the C library of an image.

/// The C library and the packages of a base image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Debian and Ubuntu: glibc, `apt-get`, manylinux wheels.
    Debian,
    /// Alpine: musl, `apk`, musllinux wheels.
    Alpine,
}

impl Family {
    /// As a table of packages names it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Debian => "debian",
            Family::Alpine => "alpine",
        }
    }
}

/// The image that packages are installed in. A container app runs Linux on x86-64 only
/// (<https://learn.microsoft.com/azure/container-apps/containers#limitations>); another machine is for images
/// that are built for elsewhere too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Minor version of Python 3 (`13` of 3.13); `None`: not known.
    pub python: Option<u32>,
    /// The C library; `None`: not known.
    pub family: Option<Family>,
    /// `x86_64` or `aarch64`.
    pub machine: &'static str,
    /// The release of the distribution (`bookworm`), if the image's tag names it.
    pub release: Option<String>,
    /// Whether the image has the packages that a compiler needs (`python:3.13` has, `-slim` and `-alpine` not).
    pub full: bool,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment { python: None, family: None, machine: "x86_64", release: None, full: false }
    }
}

/// Releases of Debian and Ubuntu that tags name.
const RELEASES: &[&str] = &["bullseye", "bookworm", "trixie", "forky", "sid", "focal", "jammy", "noble"];

/// Where the official images of Docker Hub are, by the names that they have there and in registries that mirror them
/// under the same names.
const OFFICIAL: &[&str] = &[
    "docker.io/library/",
    "index.docker.io/library/",
    "docker.io/",
    "library/",
    "public.ecr.aws/docker/library/",
    "mirror.gcr.io/library/",
    "mcr.microsoft.com/mirror/docker/library/",
];

/// Images for development, made from the full image of Python
/// (<https://github.com/devcontainers/images/tree/main/src/python>).
const DEVCONTAINERS: &[&str] =
    &["mcr.microsoft.com/devcontainers/python", "mcr.microsoft.com/vscode/devcontainers/python"];

impl Environment {
    /// What the name of a base image says: `python:3.13-slim-bookworm`, `python:3.12-alpine`, `debian:12-slim`,
    /// `mcr.microsoft.com/devcontainers/python:3.12`. Only names of images that are known to be of a family say so by
    /// themselves; of others a release in the tag does. All else leaves the family open: Microsoft's own
    /// `mcr.microsoft.com/azurelinux/base/python` has RPM packages, Chainguard's `python` those of Wolfi.
    pub fn of_image(image: &str) -> Environment {
        let name = image.split('@').next().unwrap_or_default().to_ascii_lowercase();
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (name.as_str(), ""),
        };
        let official = OFFICIAL.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        let containers = DEVCONTAINERS.contains(&path);
        let known = containers || matches!(official, "python" | "debian" | "ubuntu" | "alpine");
        let parts: Vec<&str> = tag.split('-').collect();
        let alpine = official == "alpine" || parts.iter().any(|part| part.starts_with("alpine"));
        let release = parts.iter().find(|part| RELEASES.contains(*part));
        let debian = known || release.is_some();
        // Whoever calls an image `python` counts its tags as Python does.
        let python = path.rsplit('/').next() == Some("python");
        let version = parts.iter().find_map(|part| minor(part));
        let slim = parts.contains(&"slim");
        Environment {
            python: version.filter(|_| python),
            family: if alpine { Some(Family::Alpine) } else { debian.then_some(Family::Debian) },
            release: release.map(|release| (*release).to_owned()),
            full: (official == "python" || containers) && !alpine && !slim,
            ..Environment::default()
        }
    }

    /// The same with another Python; text that names none changes nothing.
    #[must_use]
    pub fn with_python(mut self, text: &str) -> Environment {
        self.python = minor(text).or(self.python);
        self
    }

    /// The same on another machine, as Docker names platforms (`linux/arm64`).
    #[must_use]
    pub fn on(mut self, platform: &str) -> Environment {
        let arm = matches!(platform.rsplit('/').next(), Some("arm64" | "aarch64" | "v8"));
        self.machine = if arm { "aarch64" } else { "x86_64" };
        self
    }

    /// The value of a marker's variable; `None`: not known.
    pub(super) fn value(&self, variable: &str) -> Option<String> {
        let python = || self.python.map(|minor| format!("3.{minor}"));
        Some(match variable {
            "python_version" => python()?,
            "os_name" => "posix".to_owned(),
            "sys_platform" => "linux".to_owned(),
            "platform_system" => "Linux".to_owned(),
            "platform_machine" => self.machine.to_owned(),
            "platform_python_implementation" => "CPython".to_owned(),
            "implementation_name" => "cpython".to_owned(),
            // Extras are for those who ask for this project as a package.
            "extra" => String::new(),
            _ => return None,
        })
    }
}

/// The minor version of a Python 3: `3.13`, `3.13.1`, `3.13rc1`.
fn minor(text: &str) -> Option<u32> {
    let rest = text.trim().strip_prefix("3.")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok().filter(|minor| *minor < 100)
}

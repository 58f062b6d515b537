//! `scaffold`: writes the sample app of a recipe into a folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::NamedTempFile;

mod image;

use super::catalogue::Folders;
use super::refuse;
use crate::diagnostic::{Diagnostic, codes, quote};
use crate::recipe::{Origin, Recipe, SampleFile};
use crate::render::{self, Screen};
use crate::report::{Ending, Report, ScaffoldReport, ScaffoldedFile};

/// Arguments of `scaffold`.
#[derive(Debug, Args)]
pub(super) struct Scaffold {
    /// The recipe whose sample is written
    recipe: String,
    /// The folder to write into, made if it is not there [default: RECIPE-app]
    folder: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    image: image::Image,
    #[command(flatten)]
    folders: Folders,
}

/// What is to become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Create,
    Replace,
    Keep,
}

impl Scaffold {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        let refuse = |found: &[Diagnostic], ending| refuse(screen, "scaffold", false, found, ending);
        let catalogue = match self.folders.load() {
            Ok(catalogue) => catalogue,
            Err(found) => return refuse(&found, Ending::Usage),
        };
        let recipe = match catalogue.get(&self.recipe) {
            Ok(recipe) => recipe,
            Err(found) => return refuse(&[*found], Ending::Usage),
        };
        if let Some(requirements) = &self.image.requirements {
            return match self.image.files(requirements, self.folder.as_deref(), recipe) {
                Ok((folder, files)) => self.place(screen, recipe, &folder, &files),
                Err(found) => refuse(&found, Ending::Usage),
            };
        }
        let files = match catalogue.sample(recipe) {
            Ok(files) if files.is_empty() => {
                let message = format!("the recipe `{}` has no sample app", recipe.name.value);
                return refuse(&[Diagnostic::error(codes::NO_SAMPLE, message)], Ending::Usage);
            }
            Ok(files) => files,
            Err(found) => return refuse(&[*found], Ending::Usage),
        };
        let folder = self.folder.clone().unwrap_or_else(|| format!("{}-app", recipe.name.value).into());
        self.place(screen, recipe, &folder, &files)
    }

    /// Writes the files into the folder.
    fn place(&self, screen: &Screen, recipe: &Recipe, folder: &Path, files: &[SampleFile]) -> Ending {
        let refuse = |found: &[Diagnostic], ending| refuse(screen, "scaffold", false, found, ending);
        let fates = match fates(folder, files) {
            Ok(fates) => fates,
            Err(found) => return refuse(&[*found], Ending::Usage),
        };
        let taken: Vec<&SampleFile> = files
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| **fate == Fate::Replace)
            .map(|(file, _)| file)
            .collect();
        if !taken.is_empty() && !self.force {
            return refuse(&[self.taken(folder, &taken)], Ending::Usage);
        }
        if let Err((path, error)) = write(folder, files, &fates) {
            let message = format!("{} cannot be written: {error}", path.display());
            return refuse(&[Diagnostic::error(codes::NOT_WRITTEN, message)], Ending::Failed);
        }
        let mut report = Report::new("scaffold", false);
        report.recipes.push(recipe.name.value.clone());
        let scaffold = ScaffoldReport {
            next: self.next(recipe, folder),
            folder: folder.display().to_string(),
            files: files.iter().zip(fates).map(|(file, fate)| told(file, fate)).collect(),
        };
        screen.text(&render::scaffolded(&scaffold));
        report.scaffold = Some(scaffold);
        screen.report(&report);
        Ending::Ok
    }

    /// Files of other content are in the way.
    fn taken(&self, folder: &Path, files: &[&SampleFile]) -> Diagnostic {
        let message = format!("{} has files that would be replaced", folder.display());
        let found = files.iter().fold(Diagnostic::error(codes::FILE_EXISTS, message), |found, file| {
            found.note(folder.join(&file.path).display().to_string())
        });
        found.fix(format!("{} --force, or name another folder", self.again(folder)))
    }

    /// The command line of this run.
    fn again(&self, folder: &Path) -> String {
        let recipe = quote(&self.recipe);
        format!(
            "acarecipe scaffold {recipe} {}{}{}",
            quote(&folder.display().to_string()),
            self.image.again(),
            self.folders.again()
        )
    }

    /// What to do with the sample: build it in Azure, and connect it.
    fn next(&self, recipe: &Recipe, folder: &Path) -> Vec<String> {
        let source = quote(&folder.display().to_string());
        let again = if recipe.origin == Origin::BuiltIn { String::new() } else { self.folders.again() };
        // What the recipe itself builds needs nothing else.
        if self.image.requirements.is_some() {
            let name = &recipe.name.value;
            return vec![format!("acarecipe plan {}{again} -p {name}.context={source}", quote(name))];
        }
        vec![
            format!(
                "az containerapp up --name \"$APP_NAME\" --resource-group \"$RG\" --source {source} --ingress external --target-port 8000"
            ),
            format!("acarecipe apply {}{again}", quote(&recipe.name.value)),
        ]
    }
}

fn told(file: &SampleFile, fate: Fate) -> ScaffoldedFile {
    let names: Vec<_> = file.path.iter().map(|name| name.to_string_lossy()).collect();
    let status = match fate {
        Fate::Create => "created",
        Fate::Replace => "replaced",
        Fate::Keep => "unchanged",
    };
    ScaffoldedFile { path: names.join("/"), status }
}

/// What is to become of each file. Nothing is followed on the way: a link in the place of a file counts as
/// another file (replacing it replaces the link), one in the place of a folder is refused.
fn fates(folder: &Path, files: &[SampleFile]) -> Result<Vec<Fate>, Box<Diagnostic>> {
    let in_the_way = |path: &Path, what: &str| {
        let message = format!("{} {what}", path.display());
        Box::new(Diagnostic::error(codes::FILE_EXISTS, message).fix("move it away, or name another folder"))
    };
    let mut fates = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let inner = file.path.parent().unwrap_or(Path::new(""));
        let between =
            std::iter::once(folder.to_owned()).chain(inner.iter().scan(folder.to_owned(), |below, name| {
                below.push(name);
                Some(below.clone())
            }));
        for parent in between {
            match parent.symlink_metadata() {
                Ok(found) if !found.is_dir() => {
                    let what = if found.is_symlink() { "is a link" } else { "is no folder" };
                    return Err(in_the_way(&parent, what));
                }
                _ => {}
            }
        }
        fates.push(match path.symlink_metadata() {
            Err(_) => Fate::Create,
            Ok(found) if found.is_dir() => return Err(in_the_way(&path, "is a folder")),
            Ok(found) if found.is_file() && same(&path, &found, file) => Fate::Keep,
            Ok(_) => Fate::Replace,
        });
    }
    Ok(fates)
}

fn same(path: &Path, found: &std::fs::Metadata, file: &SampleFile) -> bool {
    found.len() == file.bytes.len() as u64 && std::fs::read(path).is_ok_and(|bytes| bytes == file.bytes)
}

/// Writes the files: all of them beside their places first, so that a full disk or a missing right leaves
/// everything as it was, then each into its place at once.
///
/// # Errors
/// What could not be written. Folders made for it are away again.
fn write(folder: &Path, files: &[SampleFile], fates: &[Fate]) -> Result<(), (PathBuf, io::Error)> {
    let mut made = Vec::new();
    let written = stage(folder, files, fates, &mut made).and_then(|staged| {
        for (temporary, path, fate) in staged {
            let kept = match fate {
                Fate::Replace => temporary.persist(&path),
                // What came into the place meanwhile is somebody else's.
                _ => temporary.persist_noclobber(&path),
            };
            kept.map_err(|failed| (path, failed.error))?;
        }
        Ok(())
    });
    if written.is_err() {
        // Only those that are empty go.
        for folder in made.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
    written
}

type Staged = Vec<(NamedTempFile, PathBuf, Fate)>;

fn stage(
    folder: &Path,
    files: &[SampleFile],
    fates: &[Fate],
    made: &mut Vec<PathBuf>,
) -> Result<Staged, (PathBuf, io::Error)> {
    make(folder, made)?;
    let mut staged = Vec::new();
    for (file, fate) in files.iter().zip(fates).filter(|(_, fate)| **fate != Fate::Keep) {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        make(parent, made)?;
        let temporary = temporary(parent, &file.bytes).map_err(|error| (path.clone(), error))?;
        staged.push((temporary, path, *fate));
    }
    Ok(staged)
}

/// Makes a folder and those above it; `made` gets those that were not there.
fn make(folder: &Path, made: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make(above, made)?;
    }
    // `new/..` is there once `new` is.
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir(folder).map_err(|error| {
        // What is there is no folder, nor a link to one.
        let there = error.kind() == io::ErrorKind::AlreadyExists;
        (folder.to_owned(), if there { io::ErrorKind::NotADirectory.into() } else { error })
    })?;
    made.push(folder.to_owned());
    Ok(())
}

/// A file of these bytes that goes away unless it is kept, with the rights of any new file.
fn temporary(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".acarecipe-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask takes from it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

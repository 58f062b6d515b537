//! The state folder: `runs/` with a journal a run, `locks/` with a file a target, `key`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};

use super::entry::{End, Target};
use super::lock::Lock;
use super::{Entry, Journal, JournalError, Key, RunId, private, seal};

/// How long the journal of a run is kept that has ended.
pub const KEPT_FOR: Duration = Duration::days(90);

/// How many runs of a target are kept.
pub const KEPT_RUNS: usize = 200;

/// How many of the last runs on a target are looked through for one to go on from.
pub const LOOKED_AT: usize = 20;

/// What the name of a journal ends with.
const EXTENSION: &str = "jsonl";

/// What the name of a target's lock is made of, and what journals are sorted by.
type Digest = [u8; 16];

/// What is kept of the first line of a journal. It never changes.
#[derive(Clone, Debug)]
struct First {
    target: Digest,
    continues: Option<String>,
}

/// The folder that journals are in. Clones share what is known of it: the first line of a journal is read once, however
/// many targets a command works on.
#[derive(Clone, Debug)]
pub struct StateFolder {
    root: PathBuf,
    firsts: Arc<Mutex<BTreeMap<RunId, First>>>,
}

/// What is in a state folder.
#[derive(Debug, Default)]
pub struct Runs {
    /// The journals, newest first.
    pub journals: Vec<Journal>,
    /// Those that cannot be read, newest first. Of whom they are nobody can tell.
    pub unreadable: Vec<JournalError>,
}

impl StateFolder {
    /// The folder `root`, which need not exist.
    pub fn at(root: impl Into<PathBuf>) -> StateFolder {
        StateFolder { root: root.into(), firsts: Arc::default() }
    }

    /// The user's: `acarecipe` in `$XDG_STATE_HOME` or `~/.local/state`; on Windows, which has no such folder, in
    /// the roaming application data.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn of_user() -> Result<StateFolder, JournalError> {
        let folders = etcetera::choose_base_strategy().map_err(|_| JournalError::NoHome)?;
        let state = folders.state_dir().unwrap_or_else(|| folders.data_dir());
        Ok(StateFolder::at(state.join("acarecipe")))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn runs_folder(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The journal of a run, whether or not it is there.
    pub fn path_of(&self, id: &RunId) -> PathBuf {
        self.runs_folder().join(format!("{id}.{EXTENSION}"))
    }

    /// The key of the folder, made if there is none.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn key(&self) -> Result<Key, JournalError> {
        Key::open(&self.root.join("key"))
    }

    /// The ids of the runs whose journals are in it, newest first.
    ///
    /// # Errors
    /// The folder cannot be read. That there is none is no error.
    pub fn ids(&self) -> Result<Vec<RunId>, JournalError> {
        let folder = self.runs_folder();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(JournalError::io(&folder, error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| JournalError::io(&folder, error))?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.'));
            ids.extend(id.and_then(RunId::parse));
        }
        ids.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    /// An id for a run that begins now; it sorts after all that are there.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it has the name of a run at the end of time.
    pub fn new_id(&self, now: OffsetDateTime) -> Result<RunId, JournalError> {
        let ids = self.ids()?;
        let id = RunId::new(now, ids.first());
        match ids.first() {
            Some(newest) if id.time() <= newest.time() => Err(JournalError::Damaged {
                path: self.path_of(newest),
                line: 1,
                reason: "by its name no run can come after it".to_owned(),
            }),
            _ => Ok(id),
        }
    }

    /// The journal of a run.
    ///
    /// # Errors
    /// There is none, or it cannot be understood.
    pub fn journal(&self, id: &str) -> Result<Journal, JournalError> {
        let missing = || JournalError::NoSuchRun { id: crate::value::strip_control(id) };
        let id = RunId::parse(id).ok_or_else(missing)?;
        match self.read(&id) {
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(missing())
            }
            other => other,
        }
    }

    /// All journals. One that was cut off before its run began is left out: that run has done nothing.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn runs(&self) -> Result<Runs, JournalError> {
        let whole = |id: RunId| there(self.read(&id));
        Ok(self.ids()?.into_iter().filter_map(whole).collect())
    }

    /// The journals of the runs that began after the run `id`.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn runs_after(&self, id: &str) -> Result<Runs, JournalError> {
        let whole = |id: RunId| there(self.read(&id));
        Ok(self.ids()?.into_iter().filter(|one| one.as_str() > id).filter_map(whole).collect())
    }

    /// The journals of the runs on a target. Of those on others only the first line is read: one that is damaged further
    /// down is not told here, and one whose first line is may be anybody's.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn runs_on(&self, target: &Target) -> Result<Runs, JournalError> {
        Ok(self.on(target)?.collect())
    }

    /// The newest journals of runs on a target that can be read, newest first, at most so many; no older one is looked at.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn newest_on(&self, target: &Target, most: usize) -> Result<Vec<Journal>, JournalError> {
        Ok(self.on(target)?.filter_map(Result::ok).take(most).collect())
    }

    /// The journals of the runs on a target, newest first, each read when its turn comes.
    fn on(
        &self,
        target: &Target,
    ) -> Result<impl Iterator<Item = Result<Journal, JournalError>>, JournalError> {
        let (wanted, folded) = (target.digest(), target.folded());
        let one = move |id: RunId| {
            let whole = match self.first(&id) {
                Ok(first) if first.target != wanted => return None,
                Ok(_) => self.read(&id),
                Err(error) => Err(error),
            };
            there(whole).filter(|one| one.as_ref().map_or(true, |one| one.run.target.folded() == folded))
        };
        Ok(self.ids()?.into_iter().filter_map(one))
    }

    /// The journal of a run, whose file is named after it: ids say which run came later, and a copy under another name
    /// would be a run that never was.
    fn read(&self, id: &RunId) -> Result<Journal, JournalError> {
        let path = self.path_of(id);
        let journal = Journal::read(&path)?;
        if journal.run.id == id.as_str() {
            return Ok(journal);
        }
        let reason = "it is of another run than the name of the file says".to_owned();
        Err(JournalError::Damaged { path, line: 1, reason })
    }

    /// What the first line of a journal says.
    fn first(&self, id: &RunId) -> Result<First, JournalError> {
        let known = |firsts: &BTreeMap<RunId, First>| firsts.get(id).cloned();
        if let Some(first) = known(&self.firsts.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(first);
        }
        let run = Journal::run_of(&self.path_of(id))?;
        let first = First { target: run.target.digest(), continues: run.continues };
        let mut firsts = self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        firsts.insert(id.clone(), first.clone());
        Ok(first)
    }

    fn lock_path(&self, target: &Target) -> PathBuf {
        self.root.join("locks").join(super::key::hex(&target.digest()))
    }

    /// Takes the target for the run `id`, until the lock is dropped.
    ///
    /// # Errors
    /// Another run has it, or the lock cannot be used.
    pub fn lock(&self, target: &Target, id: &RunId) -> Result<Lock, JournalError> {
        Lock::take(&self.lock_path(target), id)
    }

    /// Whether a run is at work on the target.
    pub fn is_locked(&self, target: &Target) -> bool {
        Lock::is_held(&self.lock_path(target))
    }

    /// Adds to a run that ended without saying so, or was interrupted, that another one went on from it or found
    /// nothing left to do. Only for whoever holds the target's lock.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn conclude(&self, journal: &Journal, end: End) -> Result<(), JournalError> {
        let failed = |source| JournalError::io(&journal.path, source);
        let line = serde_json::to_vec(&Entry::End(end)).map_err(|error| failed(error.into()))?;
        // What was cut off is no entry, and must not become a part of this one.
        let bytes = fs::read(&journal.path).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = &bytes[..whole.saturating_sub(1)];
        let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        // One that the key does not vouch for gains nothing by this line.
        let before = seal::of(last).map(|(_, mac)| mac.to_owned()).unwrap_or_default();
        let (line, _) = seal::sealed(&self.key()?, &before, line);
        let mut file = private::open_options().write(true).open(&journal.path).map_err(failed)?;
        file.set_len(whole as u64).map_err(failed)?;
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).map_err(failed)?;
        io::Write::write_all(&mut file, &line).and_then(|()| file.sync_all()).map_err(failed)
    }

    /// Removes the journals that the rule does not keep: of runs that ended more than [`KEPT_FOR`] ago, and beyond
    /// the newest [`KEPT_RUNS`] of a target. Never one without an end, never the last of a target, never one that
    /// cannot be read. How many went.
    ///
    /// # Errors
    /// The folder cannot be read, or a file not be removed.
    pub fn prune(&self, now: OffsetDateTime) -> Result<usize, JournalError> {
        let mut of_target: BTreeMap<Digest, usize> = BTreeMap::new();
        let mut removed = 0;
        // What a run that is kept goes on from is a part of what it did.
        let mut parts: BTreeSet<String> = BTreeSet::new();
        for id in self.ids()? {
            let Ok(First { target, continues }) = self.first(&id) else { continue };
            let newer = of_target.entry(target).or_default();
            let many = *newer >= KEPT_RUNS;
            // Whatever began since then has not ended before it.
            let old = id.time().is_none_or(|began| now - began > KEPT_FOR);
            let candidate = *newer > 0 && (many || old) && !parts.contains(id.as_str());
            let path = self.path_of(&id);
            // The rest of a journal is read only where it decides: whether that can be read which is to be the last.
            let whole = if candidate || *newer == 0 {
                let Ok(journal) = self.read(&id) else { continue };
                Some(journal)
            } else {
                None
            };
            *newer += 1;
            let goes = |end: &End| many || now - end.at > KEPT_FOR;
            if !candidate || whole.as_ref().and_then(Journal::end).is_none_or(|end| !goes(end)) {
                parts.extend(continues);
                continue;
            }
            match fs::remove_file(&path) {
                Ok(()) => removed += 1,
                // Another run that ended at the same time did it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(JournalError::io(&path, error)),
            }
        }
        Ok(removed)
    }
}

/// What was read; `None`: there is none, since its run was cut off before it began, or it was pruned by another run
/// since the folder was read.
fn there(read: Result<Journal, JournalError>) -> Option<Result<Journal, JournalError>> {
    match read {
        Err(JournalError::Cut { .. }) => None,
        Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        other => Some(other),
    }
}

impl FromIterator<Result<Journal, JournalError>> for Runs {
    fn from_iter<I: IntoIterator<Item = Result<Journal, JournalError>>>(read: I) -> Runs {
        let mut runs = Runs::default();
        for one in read {
            match one {
                Ok(journal) => runs.journals.push(journal),
                Err(error) => runs.unreadable.push(error),
            }
        }
        runs
    }
}

impl Target {
    fn digest(&self) -> Digest {
        let digest = Sha256::digest(self.folded().as_bytes());
        std::array::from_fn(|at| digest[at])
    }

    /// The same for the same target, whatever the case of its names: the endpoint and the id of what a run works on.
    pub fn folded(&self) -> String {
        let within = match (&self.app, &self.environment) {
            (Some(app), _) => format!("/containerapps/{app}"),
            (None, Some(environment)) => format!("/managedenvironments/{environment}"),
            (None, None) => String::new(),
        };
        let place = if self.sandbox { "sandbox" } else { &self.endpoint };
        format!("{place}/subscriptions/{}/resourcegroups/{}{within}", self.subscription, self.resource_group)
            .to_ascii_lowercase()
    }
}

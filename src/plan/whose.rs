//! Whether what a run created is still the run's own when it is to go: the same thing, and nobody else's by now.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::finding::{Finding, Status};
use super::frame::Frame;
use super::putting_back::{IDENTITY, added_to, changed, stays, what};
use super::stepping::{StepRun, refusal};
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::diagnostic::codes;
use crate::facts::Read;
use crate::recipe::PutBack;
use crate::value::{Path, Value, strip_control};

const APP: &str = "Microsoft.App/containerApps";
const JOBS: &str = "Microsoft.App/jobs";
const CREDENTIALS: &str = "federatedIdentityCredentials";

/// How long before a resource is made the answer that announces it may date it. Both are Azure's clock.
const ANSWERED: Duration = Duration::minutes(5);

/// How far apart Azure's clock and this machine's may be, where no answer dated the resource. Generous: the clock of a
/// virtual machine that was asleep is behind by more than minutes, and whoever makes the same thing anew under the same
/// name within the hour is far rarer. An identity is told by its principal as well.
const CLOCKS: Duration = Duration::hours(1);

impl Frame<'_, '_> {
    /// Whether nobody beside the run's app is known to use a user-assigned identity: no other app and no job of the
    /// subscription has it, and nobody outside Azure signs in as it. What is told of it is added to `run`. Where not even
    /// the apps and jobs of the group can be listed, it is not known to be free.
    ///
    /// # Errors
    /// The reads that are still to come.
    pub(super) fn is_free(
        &self,
        run: &mut StepRun,
        kind: &ResourceType,
        back: &PutBack,
    ) -> Result<bool, Vec<Value>> {
        let mut free = true;
        let mut waits = Vec::new();
        let (mut users, mut unseen) = (Vec::new(), Vec::new());
        for (of, noun) in [(APP, "the container app"), (JOBS, "the job")] {
            let Listed { all, bound, nothing } = self.listed(of, &mut waits);
            if nothing && !back.force {
                let why = format!("whether another has it cannot be seen: {}", bound.unwrap_or_default());
                let finding = stays(format!("{} goes", what(kind, &back.id)), &why);
                run.findings.push(finding.fix(format!(
                    "{} --force removes it, and also overwrites whatever else somebody changed since",
                    back.command
                )));
                free = false;
            } else {
                unseen.extend(bound);
            }
            users.extend(self.users_among(&all, &back.id).into_iter().map(|name| format!("{noun} {name}")));
        }
        let version = back.version.clone().unwrap_or_else(|| self.engine.version(IDENTITY));
        let path = format!("{}/{CREDENTIALS}", back.id);
        let list =
            self.engine.asked.value(&Read::many(&path, &format!("{IDENTITY}/{CREDENTIALS}"), &version));
        match refusal(&list) {
            Some(why) => unseen.push(format!("its federated credentials cannot be listed: {why}")),
            None if list.is_unknown() => waits.push(list.clone()),
            None => {}
        }
        if !waits.is_empty() {
            return Err(waits);
        }
        // No recipe makes one.
        for name in list.as_list().unwrap_or_default().iter().filter_map(|one| one.text_at(&["name"])) {
            let path = Path::root().key(CREDENTIALS).element(name);
            run.findings.push(added_to(kind, back, &path));
            free &= back.force;
        }
        if !users.is_empty() {
            let why = format!("{} has it by now, too", strip_control(&users.join(", ")));
            run.findings.push(stays(format!("{} goes", what(kind, &back.id)), &why));
            free = false;
        }
        for why in unseen {
            let name = format!("nobody else uses {}", what(kind, &back.id));
            let finding = Finding::new(Status::CouldNotCheck, codes::NOT_PUT_BACK, name);
            run.findings.push(finding.detail(strip_control(&why)));
        }
        Ok(free)
    }

    /// The resources of a type in the subscription; where the caller may not list these, those of the group. That Azure
    /// might leave out of a list what the caller may not read, without a word, is nowhere confirmed: then fewer would be
    /// told here.
    fn listed(&self, of: &'static str, waits: &mut Vec<Value>) -> Listed {
        let target = self.engine.request.target;
        let mut bound = None;
        let group = ResourceId::group(&target.subscription, &target.resource_group);
        for scope in [ResourceId::subscription_id(&target.subscription), group] {
            let path = format!("{scope}/providers/{of}");
            let list = self.engine.asked.value(&Read::many(&path, of, &self.engine.version(of)));
            let Some(why) = refusal(&list) else {
                if list.is_unknown() {
                    waits.push(list.clone());
                }
                return Listed { all: list, bound, nothing: false };
            };
            let noun = of.rsplit('/').next().unwrap_or(of);
            let place = if bound.is_none() { "of other resource groups " } else { "" };
            bound = Some(format!("{noun} {place}cannot be listed: {why}"));
        }
        Listed { all: Value::null(), bound, nothing: true }
    }

    /// Those of a list that have the identity, but for the run's app.
    fn users_among(&self, list: &Value, identity: &ResourceId) -> Vec<String> {
        let own = self.engine.request.target.app_id();
        let uses = |one: &&Value| {
            let all = one.at(&["identity", "userAssignedIdentities"]).and_then(Value::as_map);
            all.is_some_and(|all| all.keys().any(|key| ResourceId::parse(key).as_ref() == Some(identity)))
        };
        let users = list.as_list().unwrap_or_default().iter().filter(uses);
        let ids = users.filter_map(|one| one.text_at(&["id"]).and_then(ResourceId::parse));
        ids.filter(|id| *id != own).map(|id| id.name().to_owned()).collect()
    }
}

/// Whether what is there is what the run created, as far as anything tells, and whether no run is known to rely on
/// it that cannot be asked. What is told of it is added to `run`.
pub(super) fn is_the_runs(run: &mut StepRun, kind: &ResourceType, live: &Value, back: &PutBack) -> bool {
    let mut own = true;
    let principal =
        Path::members(if kind.name == IDENTITY { "properties.principalId" } else { "identity.principalId" });
    let now = crate::steps::value_at(live, &principal).filter(|now| now.as_str().is_some());
    if let (Some(then), Some(now)) = (&back.principal, now)
        && !now.as_str().is_some_and(|now| now.eq_ignore_ascii_case(then))
    {
        run.findings.push(changed(kind, back, &principal, now));
        own = false;
    }
    let created = live.text_at(&["systemData", "createdAt"]);
    let created = created.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let latest = back.made.map(|made| made.saturating_add(ANSWERED));
    let latest = latest.or_else(|| Some(back.over?.saturating_add(CLOCKS)));
    if let (Some(latest), Some(created)) = (latest, created)
        && created > latest
    {
        run.findings.push(made_anew(kind, back, created));
        own = false;
    }
    if !back.unread.is_empty() {
        run.findings.push(unread(kind, back));
        own = false;
    }
    own || back.force
}

/// What could be listed.
struct Listed {
    all: Value,
    /// What could not.
    bound: Option<String>,
    /// Whether nothing could.
    nothing: bool,
}

/// What has the run's name for it, and was made later.
fn made_anew(kind: &ResourceType, back: &PutBack, created: OffsetDateTime) -> Finding {
    let name = format!("{} is the one that the run made", what(kind, &back.id));
    let at = created.format(&Rfc3339).unwrap_or_default();
    let fix = format!("{} --force removes it all the same", back.command);
    since(back, &name, &format!("it was made at {at}, after the run"), fix)
}

/// That nobody knows who relies on it.
fn unread(kind: &ResourceType, back: &PutBack) -> Finding {
    let name = format!("no later run relies on {}", what(kind, &back.id));
    let runs = strip_control(&back.unread.join(", "));
    let first = strip_control(back.unread.first().map_or("", String::as_str));
    let fix = format!(
        "acarecipe runs show {first}; once its file is moved aside it is not asked for (--force removes this as well, and \
         also overwrites and removes whatever else somebody changed since)"
    );
    since(back, &name, &format!("the journal of run {runs}, which came later, cannot be read"), fix)
}

/// Something that stops an undo until it is said that it goes all the same.
fn since(back: &PutBack, name: &str, why: &str, fix: String) -> Finding {
    let status = if back.force { Status::Warning } else { Status::Failed };
    let finding = Finding::new(status, codes::CHANGED_SINCE, strip_control(name));
    if back.force {
        return finding.detail(format!("{why}; it goes all the same, as --force says"));
    }
    finding.detail(format!("{why}: nothing is put back")).fix(fix)
}

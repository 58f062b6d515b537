//! What the app is asked: again and again, for as long as its checks say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use url::Url;

use super::{Event, Executor, Failure, Observed};
use crate::azure::probe::ProbeRequest;
use crate::facts::{Fact, Facts, HEADER, MAX_TIME, METHOD, Read};
use crate::plan::{Finding, Gate, Judged, Probe, Request, Selection, Status, Target, judge};
use crate::value::Value;

/// The first pause between two looks; each further one is longer, up to the second figure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// More rounds of reads than the checks of any gate need.
const MAX_ROUNDS: usize = 32;

impl Executor {
    /// One request to the app. That no answer comes is a fact too.
    pub(super) async fn probed(&self, read: &Read) -> Fact {
        let Ok(url) = Url::parse(&read.path) else { return Fact::Absent { code: String::new() } };
        let limit = Duration::from_millis(read.parameter(MAX_TIME).parse().unwrap_or_default());
        let headers = read
            .query
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(HEADER)?.to_owned(), value.clone())));
        let request = ProbeRequest {
            url,
            method: read.parameter(METHOD).to_owned(),
            headers: headers.collect(),
            client: read.client.clone(),
            limit,
        };
        let answer = self.client.probe(request, self.deadline).await;
        self.observer.event(&Event::Probed {
            method: read.parameter(METHOD).to_owned(),
            url: without_query(&read.path),
            answer: answer.to_string(),
        });
        match serde_json::to_value(&answer) {
            Ok(json) => Fact::Found(Value::from(json)),
            Err(error) => Fact::Failed { message: error.to_string(), code: None, correlation_id: None },
        }
    }

    /// As `observed`, with the verifications that ask the app. Each is asked until it holds as many times in a
    /// row as it says, or its time is over. Without such a verification nothing is asked.
    ///
    /// # Errors
    /// Azure could not be asked, or it was asked to stop; that the app does not answer is a finding.
    pub async fn observe_probed(
        &self,
        observed: Observed,
        selection: &Selection,
        target: &Target,
    ) -> Result<Observed, Failure> {
        if !observed.plan.asks_app {
            return Ok(observed);
        }
        let executor = Executor { probing: true, ..self.last_look() };
        let mut patience = Patience::default();
        let (mut rounds, mut reads) = (observed.rounds, observed.reads);
        let mut facts = observed.facts;
        // A prerequisite may have asked the same, before a write or while the new revision was not ready yet.
        facts.forget_probes();
        let start = self.clock.now();
        loop {
            let mut next = Box::pin(executor.observe_from(facts, selection, target, false)).await?;
            rounds += next.rounds;
            reads += next.reads;
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            let plan = &mut next.plan;
            match patience.look(&mut plan.verifications, &plan.probes, elapsed, self.left()) {
                None => return Ok(Observed { rounds, reads, ..next }),
                Some(again) => facts = self.again(next.facts, again, elapsed).await?,
            }
        }
    }

    /// As `observed`, once the prerequisites hold that their recipes wait for (`within`), or their time is over. What
    /// else is missing is told at once: waiting does not mend it.
    ///
    /// # Errors
    /// Azure could not be asked, or it was asked to stop. A prerequisite that does not come true is a finding.
    pub async fn observe_awaited(
        &self,
        mut observed: Observed,
        selection: &Selection,
        target: &Target,
    ) -> Result<Observed, Failure> {
        let start = self.clock.now();
        let mut pause = FIRST_PAUSE;
        loop {
            let elapsed: Duration = (self.clock.now() - start).try_into().unwrap_or_default();
            let plan = &observed.plan;
            let awaits = |finding: usize| plan.waits.iter().any(|probe| probe.finding == finding);
            let failed = plan.prerequisites.iter().enumerate();
            let mut failed = failed.filter(|(_, finding)| finding.status == Status::Failed);
            if failed.any(|(index, _)| !awaits(index)) || plan.contradicts_itself() {
                return Ok(observed);
            }
            let waits = || plan.waits.iter().filter(|probe| !probe.settled && probe.within > elapsed);
            let left = self.left();
            let Some(longest) = waits().map(|probe| probe.within).max().filter(|_| !left.is_zero()) else {
                return Ok(observed);
            };
            let again = Again {
                reads: waits().flat_map(|probe| probe.reads.iter().cloned()).collect(),
                pause: pause.min(left).min(longest.saturating_sub(elapsed)),
                name: waits()
                    .next()
                    .and_then(|probe| plan.prerequisites.get(probe.finding))
                    .map_or_else(String::new, |finding| finding.name.clone()),
                state: waits()
                    .next()
                    .and_then(|probe| plan.prerequisites.get(probe.finding)?.detail.clone())
                    .unwrap_or_default(),
            };
            pause = (pause * 2).min(LAST_PAUSE);
            let (rounds, reads) = (observed.rounds, observed.reads);
            let facts = self.again(observed.facts, again, elapsed).await?;
            let next = self.observe_from(facts, selection, target, true).await?;
            observed = Observed { rounds: rounds + next.rounds, reads: reads + next.reads, ..next };
        }
    }

    /// Judges checks that stand for themselves, such as the gates of a rollout: asks the app until each holds as
    /// many times in a row as it says (`successes`), or its time (`within`) or this executor's is over. `facts`
    /// is what is known; what is fetched is added, and answers of the app in it are asked anew.
    ///
    /// # Errors
    /// Azure could not be asked, or it was asked to stop. A gate that does not hold is a finding.
    pub async fn gate(
        &self,
        facts: &mut Facts,
        selection: &Selection,
        target: &Target,
        gate: &Gate<'_>,
    ) -> Result<Judged, Failure> {
        self.gate_within(facts, selection, target, gate, Duration::ZERO).await
    }

    /// As [`Executor::gate`]; each check has at least so long.
    pub(super) async fn gate_within(
        &self,
        facts: &mut Facts,
        selection: &Selection,
        target: &Target,
        gate: &Gate<'_>,
        least: Duration,
    ) -> Result<Judged, Failure> {
        facts.forget_probes();
        let mut patience = Patience::default();
        let caller = self.client.caller().await.ok();
        let start = self.clock.now();
        loop {
            let mut judged = Judged::default();
            for _ in 0..MAX_ROUNDS {
                let so_far = self.so_far();
                let request = Request {
                    selection,
                    target,
                    caller: caller.as_ref(),
                    now: self.clock.now(),
                    role_wait: self.role_wait,
                    renew: self.renew,
                    retry: self.retry,
                    so_far: &so_far,
                    probing: true,
                };
                judged = judge(request, facts, gate);
                if judged.missing.is_empty() {
                    break;
                }
                for (read, fact) in self.fetch(&judged.missing).await? {
                    facts.insert(&read, fact);
                }
            }
            if !judged.missing.is_empty() {
                // Judged without them it might seem to hold.
                return Err(Failure::deadline("finding out what the checks have to know"));
            }
            for probe in &mut judged.probes {
                probe.within = probe.within.max(least);
            }
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            match patience.look(&mut judged.findings, &judged.probes, elapsed, self.left()) {
                None => {
                    // What cannot be judged has not passed.
                    let wrong = judged.problems.iter().map(|one| Finding::failed(one.code, &one.message));
                    judged.findings.extend(wrong);
                    return Ok(judged);
                }
                Some(again) => *facts = self.again(std::mem::take(facts), again, elapsed).await?,
            }
        }
    }

    /// What is left until the deadline.
    fn left(&self) -> Duration {
        (self.deadline - self.clock.now()).try_into().unwrap_or_default()
    }

    /// Waits, and forgets what is to be asked again.
    async fn again(&self, mut facts: Facts, again: Again, elapsed: Duration) -> Result<Facts, Failure> {
        self.observer.event(&Event::Probing { name: again.name, state: again.state, elapsed });
        self.pause(again.pause).await?;
        for read in &again.reads {
            facts.forget_read(read);
        }
        Ok(facts)
    }
}

/// An address for people: where a redirect leads, its query may carry what only the app should know.
fn without_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(path, _)| format!("{path}?…"))
}

/// What is asked again, and when.
struct Again {
    reads: BTreeSet<Read>,
    pause: Duration,
    /// One check that is waited for, and how it stands.
    name: String,
    state: String,
}

/// How checks that are asked several times have fared. They are told apart by what they ask first.
#[derive(Default)]
struct Patience {
    checks: BTreeMap<(usize, Option<Read>), Fared>,
    pause: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
struct Fared {
    /// How many times in a row it held.
    row: u64,
    /// How many times it was asked.
    asked: u64,
    /// What it came to, once it is not asked any more.
    end: Option<Finding>,
}

impl Patience {
    /// Takes in one look at `elapsed` from the first; `None`: all have ended, and `findings` say how. `left`: the
    /// time until the deadline.
    fn look(
        &mut self,
        findings: &mut [Finding],
        probes: &[Probe],
        elapsed: Duration,
        left: Duration,
    ) -> Option<Again> {
        let mut again: Option<Again> = None;
        let mut all_hold = true;
        for (number, probe) in probes.iter().enumerate() {
            let fared = self.checks.entry((number, probe.reads.first().cloned())).or_default();
            let Some(finding) = findings.get_mut(probe.finding) else { continue };
            if let Some(end) = &fared.end {
                finding.clone_from(end);
                continue;
            }
            fared.asked += 1;
            fared.row = if probe.held { fared.row + 1 } else { 0 };
            // A row that has begun in time is finished.
            let over = left.is_zero() || (!probe.held && elapsed >= probe.within);
            if fared.row >= probe.successes || probe.settled || over {
                told(finding, probe, fared, elapsed);
                fared.end = Some(finding.clone());
                continue;
            }
            all_hold &= probe.held;
            let time = if probe.held { left } else { left.min(probe.within.saturating_sub(elapsed)) };
            let state = finding.detail.clone().unwrap_or_default();
            let name = finding.name.clone();
            let one = again.get_or_insert(Again { reads: BTreeSet::new(), pause: LAST_PAUSE, name, state });
            one.pause = one.pause.min(time);
            one.reads.extend(probe.reads.iter().cloned());
        }
        let again = again?;
        let pause = match self.pause {
            Some(last) if !all_hold => (last * 2).min(LAST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.pause = Some(pause);
        Some(Again { pause: pause.min(again.pause), ..again })
    }
}

/// Says of a finding how often it was asked, and that it did not hold often enough.
fn told(finding: &mut Finding, probe: &Probe, fared: &Fared, elapsed: Duration) {
    let detail = finding.detail.clone().unwrap_or_default();
    if probe.held && fared.row < probe.successes {
        finding.status = probe.failing;
        finding.detail = Some(format!(
            "it held {} of {} times in a row when the time was over",
            fared.row, probe.successes
        ));
    } else if probe.held && probe.successes > 1 {
        finding.detail = Some(format!("{} times in a row, last {detail}", fared.row));
    } else if fared.asked > 1 {
        let seconds = elapsed.as_secs();
        finding.detail = Some(format!("{detail} (asked {} times in {seconds} s)", fared.asked));
    }
}

//! `http`: what the app is asked, and what its answer comes to.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;
use time::OffsetDateTime;
use url::Url;

use super::finding::Status;
use super::frame::{Frame, shown};
use super::handshake::{OWN_WORD, TlsWanted, Unfit, refusal};
use super::hosts::Hosts;
use super::judging::refused;
use crate::azure;
use crate::azure::probe::{BODY_BYTES, days_left};
use crate::diagnostic::{Diagnostic, Span, codes, quote};
use crate::facts::{Fact, Read, Shape};
use crate::recipe::inputs::BoundValue;
use crate::recipe::{Check, CheckKind, Expr, HttpCheck, StatusRange, parse_duration};
use crate::value::{Data, Redacted, Value, strip_control};

pub(super) use super::hosts::custom_domains;

/// How long one answer may take when the check does not say: a container that has scaled to zero has to start.
const MAX_TIME: Duration = Duration::from_secs(30);

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// How much of an answer is shown, in characters.
const SHOWN: usize = 200;

/// What the app was asked for one finding.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The position of the finding.
    pub finding: usize,
    /// The requests: one, and one for each redirect that was followed. None: nothing could be asked.
    pub reads: Vec<Read>,
    /// How long it is asked again until it holds.
    pub within: Duration,
    /// How many times in a row it has to hold.
    pub successes: u64,
    /// Whether it held this time.
    pub held: bool,
    /// Whether asking again would come to the same.
    pub settled: bool,
    /// How its finding ends when it does not hold.
    pub failing: Status,
}

/// What an answer comes to.
pub(super) enum Answer {
    /// It is as it is to be.
    Holds { told: String, reads: Vec<Read> },
    /// It is not.
    Not { cause: String, reads: Vec<Read> },
    /// From here it cannot be seen. `settled`: nor later.
    Unseen { reason: String, settled: bool, reads: Vec<Read> },
}

impl Answer {
    pub(super) fn held(&self) -> bool {
        matches!(self, Answer::Holds { .. })
    }

    pub(super) fn settled(&self) -> bool {
        matches!(self, Answer::Unseen { settled: true, .. })
    }

    pub(super) fn reads(&self) -> &[Read] {
        match self {
            Answer::Holds { reads, .. } | Answer::Not { reads, .. } | Answer::Unseen { reads, .. } => reads,
        }
    }

    /// Nothing was asked, and nothing will be.
    fn never(reason: impl Into<String>) -> Answer {
        Answer::Unseen { reason: reason.into(), settled: true, reads: Vec::new() }
    }
}

/// What a check is called that has no name.
pub(super) fn called(frame: &Frame<'_, '_>, check: &Check) -> String {
    let text = || check.subject().value.text().to_owned();
    match &check.kind {
        CheckKind::Http(http) => shown(&frame.expression(&http.url))
            .map_or_else(text, |url| format!("{} {}", http.method, strip_control(&url))),
        CheckKind::Dns(dns) => shown(&frame.expression(&dns.of.name))
            .map_or_else(text, |name| format!("{} {}", strip_control(&name), dns.of.kind.name())),
        CheckKind::That(_) => text(),
    }
}

impl Frame<'_, '_> {
    /// How long, and how often in a row. `None`: a mistake, which is told.
    pub(super) fn patience(&self, check: &Check) -> Option<(Duration, u64)> {
        let within = match &check.within {
            Some(within) => self.duration(within)?,
            None => Duration::ZERO,
        };
        let successes = match &check.successes {
            Some(tree) => match self.tree(tree).data {
                Data::Number(number) if number.as_u64().is_some_and(|count| (1..=1000).contains(&count)) => {
                    number.as_u64().unwrap_or(1)
                }
                _ => {
                    self.unfit(tree.span, "`successes` is not a whole number from 1 to 1000");
                    return None;
                }
            },
            None => 1,
        };
        Some((within, successes))
    }

    /// What the app answers. `None`: not known yet, not asked, or a mistake, which is told. `coming`: host names
    /// that the run is to give the app: asked once it has them.
    pub(super) fn answer(&self, http: &HttpCheck, ask: bool, coming: &[String]) -> Option<Answer> {
        let value = self.expression(&http.url);
        if value.is_unknown() {
            let why = refused(&value).unwrap_or_else(|| "the address to ask is not known yet".to_owned());
            return ask.then(|| Answer::never(why));
        }
        if self.hides(value.marks, http.url.span, "the address of a request") {
            return None;
        }
        let Some(text) = value.as_str() else {
            return ask.then(|| {
                Answer::never("there is no address to ask: the app has no ingress, or its part is empty")
            });
        };
        let mut url = match own_form(text) {
            Ok(url) => url,
            Err(why) => {
                self.unfit(http.url.span, &format!("`{}` {why}", strip_control(text)));
                return None;
            }
        };
        let hosts = Hosts::of(self.engine);
        let host = url.host_str().unwrap_or_default().to_owned();
        if !hosts.has(&host) {
            self.engine.app().as_map()?;
            if coming.contains(&host) {
                return ask.then(|| Answer::never(format!("{host} is not bound to the app")));
            }
            let message = format!("{host} is not one of the app's own hosts");
            self.engine.problem(
                Diagnostic::error(codes::FOREIGN_HOST, message)
                    .note("a check reaches the app, its revisions, its labels and the domains bound to it")
                    .label(&self.recipe().source, http.url.span, ""),
            );
            return None;
        }
        let headers = http.headers.as_ref().map(|tree| self.tree(tree));
        if headers.iter().filter_map(Value::as_map).flatten().any(|(_, value)| value.is_unknown()) {
            return ask.then(|| Answer::never("a header of the request is not known yet"));
        }
        let headers = self.headers(http)?;
        let statuses = self.statuses(http)?;
        let max_time = match &http.max_time {
            Some(max_time) => self.duration(max_time)?,
            None => MAX_TIME,
        };
        let client = self.client_identity(http).ok()?;
        let tls = self.tls_wanted(http)?;
        if !ask {
            return None;
        }
        let mut method = http.method;
        let mut reads = Vec::new();
        let mut elapsed = 0;
        loop {
            let read = Read::probe(url.as_str(), method, &headers, max_time);
            let read = match &client {
                Some(client) => read.showing(client.clone()),
                None => read,
            };
            let Fact::Found(found) = self.engine.asked.ask(&read)? else { return None };
            reads.push(read);
            let seen = self.reached(&url);
            let placed = found.get("placed").is_some_and(|placed| placed.truthy() == Some(true));
            let hidden = hosts.hidden.filter(|_| !seen && !placed);
            let guarded = hosts.guarded.filter(|_| !seen && client.is_none());
            if let Some(cause) = found.text_at(&["failed"]) {
                let reason = found.text_at(&["reason"]).unwrap_or_default();
                return Some(if http.refused {
                    refusal(hidden, cause, reason, reads)
                } else {
                    not_answered(hidden, cause, reason, client.is_some(), reads)
                });
            }
            // What a redirect adds to an address may be meant for the app alone.
            let from = if reads.len() > 1 { self.place(&url) } else { url.to_string() };
            elapsed += number(found, "elapsed");
            let status = u16::try_from(number(found, "status")).unwrap_or_default();
            let location = found.at(&["headers", "location"]).and_then(Value::as_str);
            if let (true, 301 | 302 | 303 | 307 | 308, Some(location)) =
                (http.follow_redirects, status, location)
            {
                let to = url.join(location).ok();
                let shown = to.as_ref().map_or_else(|| "what is no address".to_owned(), |to| self.place(to));
                let told = |why: &str| format!("{from} redirects to {shown}, {why}");
                let own = to.as_ref().and_then(Url::host_str).is_some_and(|host| hosts.has(host));
                let next = match to.as_ref().map(|to| own_form(to.as_str())) {
                    Some(Ok(next)) if own => next,
                    Some(Err(why)) if own => {
                        return Some(Answer::Not {
                            cause: told(&format!("which {why}: it is not followed")),
                            reads,
                        });
                    }
                    _ => {
                        let cause = told("which is not one of the app's own hosts: it is not followed");
                        return Some(Answer::Not { cause, reads });
                    }
                };
                if reads.iter().any(|read| read.path == next.as_str()) {
                    return Some(Answer::Not { cause: told("where it has been already"), reads });
                }
                if reads.len() > MAX_REDIRECTS {
                    return Some(Answer::Not {
                        cause: told("after as many redirects as are followed"),
                        reads,
                    });
                }
                if status == 303 && method != "HEAD" {
                    method = "GET";
                }
                url = next;
                continue;
            }
            return Some(self.judge_answer(
                http,
                &Told {
                    hidden,
                    guarded,
                    url: &from,
                    found,
                    status,
                    elapsed,
                    tls: &tls,
                    required: hosts.required,
                },
                &statuses,
                reads,
            ));
        }
    }

    fn judge_answer(
        &self,
        http: &HttpCheck,
        told: &Told<'_>,
        statuses: &[StatusRange],
        reads: Vec<Read>,
    ) -> Answer {
        let Told { hidden, guarded, url, found, status, elapsed, tls, required } = told;
        if http.refused {
            return match (*hidden, status) {
                (Some(why), 403 | 404) => {
                    let reason = format!("{why} ({url} answered {status})");
                    Answer::Unseen { reason, settled: true, reads }
                }
                (_, 401 | 403) => self.refused_by_answer(url, *status, found, *required, reads),
                _ => {
                    let cause =
                        format!("{url} answered {status}, it did not refuse{}", self.beginning(found));
                    Answer::Not { cause, reads }
                }
            };
        }
        if !statuses.iter().any(|range| range.holds(*status)) {
            // What the edge says of an app that it does not show here, or to nobody like this.
            if let (Some(why), _, 403 | 404) | (None, Some(why), 403) = (*hidden, *guarded, status) {
                let reason = format!("{why} ({url} answered {status})");
                return Answer::Unseen { reason, settled: true, reads };
            }
            let wanted: Vec<String> = statuses.iter().map(ToString::to_string).collect();
            let cause =
                format!("{url} answered {status}, not {}{}", wanted.join(" or "), self.beginning(found));
            return Answer::Not { cause, reads };
        }
        match tls.judged(url, found, self.engine.request.now) {
            Ok(()) => {}
            Err(Unfit::Not(cause)) => return Answer::Not { cause, reads },
            Err(Unfit::Unseen(reason)) => return Answer::Unseen { reason, settled: false, reads },
        }
        let passed = format!("{status} ({elapsed} ms)");
        let Some(body) = &http.body else { return Answer::Holds { told: passed, reads } };
        let frame = self.with_root("it", answer_root(found, *elapsed, self.engine.request.now));
        let why = match body.value.evaluate(&frame) {
            Ok(value) if value.truthy() == Some(true) => return Answer::Holds { told: passed, reads },
            Ok(_) if found.get("cut").is_some_and(|cut| cut.truthy() == Some(true)) => format!(
                "but {} does not hold of the first {} KiB of the answer, all that is read of it",
                body.value.text(),
                BODY_BYTES / 1024
            ),
            Ok(_) => format!("but {} does not hold", body.value.text()),
            Err(error) => format!("but {} cannot be judged: {}", body.value.text(), error.message),
        };
        Answer::Not { cause: format!("{url} answered {status}, {why}{}", self.beginning(found)), reads }
    }

    /// Whether this host has answered something that the edge does not say of an app that it hides: then an answer
    /// is the app's own.
    fn reached(&self, url: &Url) -> bool {
        self.engine.asked.all().any(|(read, fact)| {
            let same = || Url::parse(&read.path).is_ok_and(|other| other.host_str() == url.host_str());
            let status = || fact.value().map_or(0, |found| number(found, "status"));
            read.shape == Shape::Probe && same() && !matches!(status(), 0 | 403 | 404)
        })
    }

    /// Scheme, host and path of an address that an answer named, cut to what people read.
    fn place(&self, url: &Url) -> String {
        let text = format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
        cut(&self.without_secrets(&text))
    }

    /// The beginning of an answer's text, for people: no page of a debugger, and nothing that the run knows to be a
    /// secret.
    fn beginning(&self, found: &Value) -> String {
        let kind = found.at(&["headers", "content-type"]).and_then(Value::as_str).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "text/plain" && kind != "application/json" && !kind.ends_with("+json") {
            return String::new();
        }
        let text = self.without_secrets(found.text_at(&["body"]).unwrap_or_default());
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() { words } else { format!(": {}", cut(&words)) }
    }

    /// What an app said, without tokens, and without what the run has read or was given as a secret, as it is and as
    /// JSON writes it.
    fn without_secrets(&self, said: &str) -> String {
        let mut texts = Vec::new();
        let local =
            |read: &Read| matches!(read.shape, Shape::File | Shape::Folder | Shape::Probe | Shape::Dns);
        for (_, fact) in self.engine.asked.all().filter(|(read, _)| !local(read)) {
            fact.value().into_iter().for_each(|value| hidden_texts(value, &mut texts));
        }
        let request = &self.engine.request.selection;
        for input in request
            .instances
            .iter()
            .filter_map(|one| request.inputs.of(&one.alias))
            .flat_map(IndexMap::values)
        {
            if let BoundValue::Given(value) = &input.value {
                hidden_texts(value, &mut texts);
            }
        }
        let escaped = |text: &String| {
            let json = Json::from(text.as_str()).to_string();
            json.get(1..json.len().saturating_sub(1)).map(str::to_owned)
        };
        let escaped: Vec<String> = texts.iter().filter_map(escaped).collect();
        texts.extend(escaped);
        azure::clean(&azure::without(said, &texts), &[])
    }

    fn headers(&self, http: &HttpCheck) -> Option<Vec<(String, String)>> {
        let Some(tree) = &http.headers else { return Some(Vec::new()) };
        let value = self.tree(tree);
        let mut headers = Vec::new();
        for (name, value) in value.as_map().into_iter().flatten() {
            if self.hides(value.marks, tree.span, "a header of a request") {
                return None;
            }
            match value.as_str() {
                Some(text) if text.chars().all(|c| c == '\t' || !c.is_control()) && text.is_ascii() => {
                    headers.push((name.clone(), text.to_owned()));
                }
                // Null: not sent.
                None if value.is_null() => {}
                _ if value.is_unknown() => return None,
                _ => {
                    self.unfit(tree.span, &format!("the header `{name}` is not plain text"));
                    return None;
                }
            }
        }
        Some(headers)
    }

    fn statuses(&self, http: &HttpCheck) -> Option<Vec<StatusRange>> {
        let Some(tree) = &http.status else { return Some(vec![StatusRange::SUCCESS]) };
        let value = self.tree(tree);
        let ranges = value.as_list().map(|items| {
            items.iter().map(|item| StatusRange::of_json(&item.to_json()?)).collect::<Option<Vec<_>>>()
        });
        match ranges {
            Some(Some(ranges)) if !ranges.is_empty() => Some(ranges),
            _ => {
                let message = format!("`status` is {}, not a list of codes and ranges", Redacted(&value));
                self.unfit(tree.span, &message);
                None
            }
        }
    }

    pub(super) fn duration(&self, expression: &Expr) -> Option<Duration> {
        let value = self.expression(expression);
        let duration = value.as_str().and_then(parse_duration);
        if duration.is_none() {
            let message = format!("{} is not a duration such as 90s or 2m", Redacted(&value));
            self.unfit(expression.span, &message);
        }
        duration
    }

    pub(super) fn unfit(&self, span: Span, message: &str) {
        let diagnostic = Diagnostic::error(codes::BAD_VALUE, message);
        self.engine.problem(diagnostic.label(&self.recipe().source, span, ""));
    }
}

/// An answer, and what is said of it.
struct Told<'t> {
    hidden: Option<&'static str>,
    guarded: Option<&'static str>,
    url: &'t str,
    found: &'t Value,
    status: u16,
    elapsed: u64,
    tls: &'t TlsWanted,
    /// Whether the ingress requires a certificate of its clients.
    required: bool,
}

/// The address, when it is https at the standard port, with nothing of a login in it.
fn own_form(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no address")?;
    if url.scheme() != "https" {
        return Err("is not https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user or password in it");
    }
    if url.port().is_some() {
        return Err("names a port: an app answers https at 443 only");
    }
    Ok(url)
}

/// How a reason begins that an ingress refused whoever shows no certificate.
const WANTS_CERTIFICATE: &str = "the app's ingress wants a client certificate";

/// What it means that no answer came. Where few can reach the app, a name that leads nowhere stays so; everything
/// else may be an app that has yet to start.
fn not_answered(
    hidden: Option<&'static str>,
    cause: &str,
    reason: &str,
    shown: bool,
    reads: Vec<Read>,
) -> Answer {
    match (cause, hidden) {
        ("name" | "refused" | "unreachable" | "timeout" | "proxy", Some(hidden)) => {
            let settled = matches!(cause, "name" | "proxy");
            Answer::Unseen { reason: format!("{hidden} ({reason})"), settled, reads }
        }
        ("setup", _) => Answer::Unseen { reason: reason.to_owned(), settled: true, reads },
        // How the edge asks for the certificate that a check has not.
        ("alert", _) if !shown && reason.contains("CertificateRequired") => {
            let reason = format!("{WANTS_CERTIFICATE}, and a check has none ({reason})");
            Answer::Unseen { reason, settled: true, reads }
        }
        // A record may still be on its way; the way out may be closed only here.
        ("name" | "proxy", None) => Answer::Unseen { reason: reason.to_owned(), settled: false, reads },
        _ => Answer::Not { cause: reason.to_owned(), reads },
    }
}

/// The texts below `value` that nobody is to see. Of somebody else's values only those long enough to be a secret:
/// replacing every `1` would eat the message.
fn hidden_texts(value: &Value, texts: &mut Vec<String>) {
    match &value.data {
        Data::String(text) if value.marks.secret || (value.marks.existing && text.chars().count() >= 8) => {
            texts.push(text.clone());
        }
        Data::List(items) => items.iter().for_each(|item| hidden_texts(item, texts)),
        Data::Map(members) => members.values().for_each(|member| hidden_texts(member, texts)),
        _ => {}
    }
}

/// The first characters, and whether there are more.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn number(value: &Value, member: &str) -> u64 {
    match value.get(member).map(|value| &value.data) {
        Some(Data::Number(number)) => number.as_u64().unwrap_or_default(),
        _ => 0,
    }
}

/// The answer as `it`, with the time that all requests took together.
fn answer_root(found: &Value, elapsed: u64, now: OffsetDateTime) -> Value {
    let mut members: IndexMap<String, Value> = found.as_map().cloned().unwrap_or_default();
    if let Some(Value { data: Data::Map(tls), .. }) = members.get_mut("tls") {
        let not_after = tls.get("not_after").and_then(Value::as_str).unwrap_or_default();
        let days = days_left(not_after, now).map_or_else(Value::null, |days| Value::from(Json::from(days)));
        tls.insert("days".to_owned(), days);
    }
    members.insert("elapsed".to_owned(), Value::from(Json::from(elapsed)));
    // How it was read is nothing that the app said.
    for ours in ["cut", "placed"] {
        members.shift_remove(ours);
    }
    Value::new(Data::Map(members))
}

/// What people look at when an answer is not as it is to be, where the check itself does not say.
pub(super) fn advice(frame: &Frame<'_, '_>, check: Option<&HttpCheck>, answer: &Answer) -> Option<String> {
    let target = frame.engine.request.target;
    match answer {
        Answer::Holds { .. } => None,
        Answer::Not { cause, .. } if cause.starts_with("TLS with ") => Some(
            "--cacert FILE, if the certificate is of an authority of your own; else look whether the domain has one that is good for the name".to_owned(),
        ),
        Answer::Not { .. } => Some(format!(
            "az containerapp logs show --name {} --resource-group {} --tail 50",
            quote(&target.app),
            quote(&target.resource_group)
        )),
        Answer::Unseen { reason, reads, .. } if reason.starts_with(WANTS_CERTIFICATE) => {
            let input = |expression: Option<&Expr>| {
                let text = expression?.value.text();
                let text = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')).unwrap_or(text);
                let name = text.trim().strip_prefix("inputs.")?;
                frame.recipe().inputs.contains_key(name).then(|| name.to_owned())
            };
            let certificate = check.and_then(|check| input(check.client_certificate.as_ref()));
            let key = check.and_then(|check| input(check.client_key.as_ref()));
            if let Some((certificate, key)) = certificate.zip(key) {
                let name = &frame.recipe().name.value;
                let advice = format!("acarecipe apply {name} -p {certificate}=FILE -p {key}=FILE");
                return Some(frame.engine.as_typed(frame.instance, advice));
            }
            let address = reads.last().map_or("https://HOST/", |read| read.path.as_str());
            Some(format!("curl --include --cert FILE --key FILE {}", quote(address)))
        }
        Answer::Unseen { reason, .. } if reason.contains(OWN_WORD) => Some(format!(
            "az containerapp ingress show --name {} --resource-group {} --query clientCertificateMode",
            quote(&target.app),
            quote(&target.resource_group)
        )),
        Answer::Unseen { reads, .. } => {
            let host = reads.last().and_then(|read| Url::parse(&read.path).ok());
            let host = host.as_ref().and_then(Url::host_str)?;
            Some(format!(
                "run it where {host} can be reached, or say where it is: --resolve {host}:443:ADDRESS"
            ))
        }
    }
}

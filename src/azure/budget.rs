//! How many requests go out: token buckets below those of Azure Resource Manager, shared by everything that
//! the process does at the same time.
//!
//! Azure has for each principal a bucket of reads, of writes and of deletes in a subscription, and in the tenant
//! for what names none: 250 reads and 25 a second, 200 writes and deletes and 10 a second, in each region that
//! takes requests, "might be smaller for free or trial customers" (Microsoft Learn, azure-resource-manager/management/
//! request-limits-and-throttling). The sizes are not confirmed elsewhere and are others in other clouds, and which
//! region takes a request is nowhere to be seen before. So the buckets here begin below those, and from then on the
//! server's word counts: what an answer says is left, whatever the header is called beyond
//! `x-ms-ratelimit-remaining-`, and that a request was throttled.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_core::http::headers::Headers;
use time::OffsetDateTime;

use super::request::Method;
use crate::clock::Clock;

/// The headers that say what is left begin with this.
const REMAINING: &str = "x-ms-ratelimit-remaining-";

/// What a bucket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Reads,
    Writes,
    Deletes,
}

impl Kind {
    /// Which bucket a request is taken from. That actions are writes is not confirmed for those that only read;
    /// theirs is the smaller bucket.
    fn of(method: Method) -> Kind {
        match method {
            Method::Get | Method::Head => Kind::Reads,
            Method::Delete => Kind::Deletes,
            Method::Put | Method::Patch | Method::Post => Kind::Writes,
        }
    }

    /// The bucket that a header's name speaks of; `None` when it names none.
    fn named(header: &str) -> Option<Kind> {
        let word = |word: &str| header.split('-').any(|part| part == word);
        [("reads", Kind::Reads), ("writes", Kind::Writes), ("deletes", Kind::Deletes)]
            .into_iter()
            .find_map(|(name, kind)| word(name).then_some(kind))
    }

    /// Requests in a full bucket, a fifth below Azure's.
    fn capacity(self) -> i64 {
        match self {
            Kind::Reads => 200,
            Kind::Writes | Kind::Deletes => 160,
        }
    }

    /// Requests a second that it is filled with, a fifth below Azure's.
    fn refill(self) -> i64 {
        match self {
            Kind::Reads => 20,
            Kind::Writes | Kind::Deletes => 8,
        }
    }
}

/// What is left on the server is left there, for whoever else works as the same principal.
const RESERVE: i64 = 10;
/// How long one refusal closes a bucket at most. What was refused may be one resource only, by its own provider, and
/// asked to wait for hours; Azure's own buckets are filled within half a minute.
const LONGEST_CLOSED: Duration = Duration::from_secs(60);
/// Who is held back looks this often whether it goes sooner than it seemed.
const LOOK: Duration = Duration::from_secs(1);
/// One request, in the thousandths that a bucket counts in: `refill` of them come in a millisecond.
const ONE: i64 = 1000;

/// A token bucket. Pure: whoever asks says what time it is.
#[derive(Debug)]
struct Bucket {
    kind: Kind,
    /// Thousandths of requests that may go out at `at`.
    tokens: i64,
    at: OffsetDateTime,
    /// Nothing goes out before this: since a refusal.
    opens: Option<OffsetDateTime>,
    /// Requests on their way.
    in_flight: i64,
    /// Requests held back, by their tickets, and since when.
    waiting: BTreeSet<u64>,
    next_ticket: u64,
    since: OffsetDateTime,
}

impl Bucket {
    fn full(kind: Kind, now: OffsetDateTime) -> Bucket {
        let tokens = kind.capacity() * ONE;
        let waiting = BTreeSet::new();
        Bucket { kind, tokens, at: now, opens: None, in_flight: 0, waiting, next_ticket: 0, since: now }
    }

    fn closed(&self, now: OffsetDateTime) -> bool {
        self.opens.is_some_and(|opens| now < opens)
    }

    /// Adds what time has brought. None comes while it is closed.
    fn fill(&mut self, now: OffsetDateTime) {
        // A computer's clock may be put back: what was closed for a minute is not closed for an hour then.
        if now < self.at {
            let back = self.at - now;
            self.opens = self.opens.map(|opens| opens - back);
            self.at = now;
        }
        if self.closed(now) {
            return;
        }
        let from = self.at.max(self.opens.take().unwrap_or(self.at));
        let passed = i64::try_from((now - from).whole_milliseconds()).unwrap_or(i64::MAX);
        let more = passed.max(0).saturating_mul(self.kind.refill());
        self.tokens = self.tokens.saturating_add(more).min(self.kind.capacity() * ONE);
        self.at = from + time::Duration::milliseconds(passed);
    }

    /// How long until a request may go out after `ahead` others; zero: now.
    fn wait(&mut self, ahead: usize, now: OffsetDateTime) -> Duration {
        self.fill(now);
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        let missing = ahead.saturating_add(1).saturating_mul(ONE).saturating_sub(self.tokens).max(0);
        let filling = missing.unsigned_abs().div_ceil(self.kind.refill().unsigned_abs());
        let closed = self.opens.map_or(time::Duration::ZERO, |opens| opens - now);
        Duration::try_from(closed).unwrap_or_default() + Duration::from_millis(filling)
    }

    fn take(&mut self) {
        self.tokens -= ONE;
        self.in_flight += 1;
    }

    /// What was taken is over; `sent`: it was for a request that went out.
    fn give_back(&mut self, sent: bool) {
        self.in_flight -= 1;
        // After a refusal one is let go, whoever else had been.
        if !sent && self.opens.is_none() {
            self.tokens = (self.tokens + ONE).min(self.kind.capacity() * ONE);
        }
    }

    /// The server says how much is left. Of the requests on their way only the one that was answered is known to
    /// be counted in that.
    fn told(&mut self, left: i64, now: OffsetDateTime) {
        self.fill(now);
        let (capacity, others) = (self.kind.capacity(), (self.in_flight - 1).max(0));
        // Below the reserve the pace falls, until it is that of the server's own refill, whatever that is.
        let tokens = left.saturating_sub(RESERVE + others).clamp(-RESERVE, capacity) * ONE;
        // What was sent before a refusal knows nothing of it.
        self.tokens = if self.closed(now) { tokens.min(self.tokens) } else { tokens };
    }

    /// The server refused, and asked to wait so long: nothing goes out meanwhile, and then one at first.
    fn refused(&mut self, wait: Duration, now: OffsetDateTime) {
        self.fill(now);
        self.opens = self.opens.max(Some(now + wait.min(LONGEST_CLOSED)));
        self.tokens = ONE;
    }
}

/// A bucket is a subscription's (empty: the tenant's), in small letters.
type Key = (String, Kind);

type Buckets = HashMap<Key, Arc<Shared>>;

#[derive(Debug)]
struct Shared {
    bucket: Mutex<Bucket>,
}

impl Shared {
    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The buckets of one principal. Clones are the same budget.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// `None`: nothing is held back.
    buckets: Option<Arc<Mutex<Buckets>>>,
}

/// How many requests are held back, and for how long the first of them has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) waiting: usize,
    pub(super) elapsed: Duration,
}

/// There is no time for a request any more: its turn would come after its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLate {
    /// Whether that is because Azure refused another one, not because so many are before it.
    pub(super) throttled: bool,
}

impl Budget {
    /// Below what Azure lets a principal send, as far as that is known, and as its answers say.
    pub fn below_azure() -> Budget {
        Budget { buckets: Some(Arc::default()) }
    }

    /// Nothing is held back.
    pub fn unlimited() -> Budget {
        Budget { buckets: None }
    }

    /// Ends when a request to `path` may go out, in the order in which they were asked for. `held` hears of every
    /// wait.
    ///
    /// # Errors
    /// Its turn would not come before `deadline`; told as soon as that is known.
    pub(super) async fn admit(
        &self,
        clock: &dyn Clock,
        method: Method,
        path: &str,
        deadline: OffsetDateTime,
        held: impl Fn(Held),
    ) -> Result<Permit, TooLate> {
        let Some(buckets) = &self.buckets else { return Ok(Permit { of: None, sent: false }) };
        let key = (subscription(path), Kind::of(method));
        let shared = {
            let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let kind = key.1;
            let new = || Arc::new(Shared { bucket: Mutex::new(Bucket::full(kind, clock.now())) });
            Arc::clone(buckets.entry(key.clone()).or_insert_with(new))
        };
        let permit = || Permit { of: Some((Arc::clone(&shared), key.clone(), self.clone())), sent: false };
        let mut queued: Option<Queued<'_>> = None;
        loop {
            let (wait, ahead) = {
                let (now, mut bucket) = (clock.now(), shared.bucket());
                let ahead = queued.as_ref().map_or(bucket.waiting.len(), |queued| queued.ahead(&bucket));
                let wait = bucket.wait(ahead, now);
                // What is left suffices for those before it, too.
                if wait.is_zero() {
                    bucket.take();
                    return Ok(permit());
                }
                if now + wait >= deadline {
                    return Err(TooLate { throttled: bucket.closed(now) });
                }
                if queued.is_none() {
                    queued = Some(Queued::new(&shared, &mut bucket, now));
                }
                (wait, ahead)
            };
            // The first of them tells for all, each one that it joined them.
            if let Some(queued) = queued.as_mut().filter(|queued| ahead == 0 || !queued.told) {
                queued.told = true;
                held(queued.held(clock.now()));
            }
            clock.sleep(wait.min(LOOK)).await;
        }
    }

    /// Takes over what an answer's headers say is left.
    fn told(&self, key: &Key, headers: &Headers, now: OffsetDateTime) {
        let mut least: HashMap<Kind, i64> = HashMap::new();
        for (name, value) in headers.iter() {
            let Some(what) = name.as_str().strip_prefix(REMAINING) else { continue };
            if let Some(left) = left(value.as_str()) {
                let least = least.entry(Kind::named(what).unwrap_or(key.1)).or_insert(left);
                *least = left.min(*least);
            }
        }
        let Some(buckets) = &self.buckets else { return };
        let buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, left) in least {
            if let Some(shared) = buckets.get(&(key.0.clone(), kind)) {
                shared.bucket().told(left, now);
            }
        }
    }
}

/// The number, or the least of a list such as `Microsoft.Network/Reads;12,Microsoft.Network/All;40`.
fn left(value: &str) -> Option<i64> {
    value.split(',').filter_map(|part| part.rsplit(';').next()?.trim().parse().ok()).min()
}

/// The subscription that a path names, in small letters; empty for none.
fn subscription(path: &str) -> String {
    let mut segments = path.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some(first), Some(id)) if first.eq_ignore_ascii_case("subscriptions") => id.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// A place among those that are held back; left however the waiting ends.
struct Queued<'s> {
    shared: &'s Shared,
    ticket: u64,
    told: bool,
}

impl<'s> Queued<'s> {
    fn new(shared: &'s Shared, bucket: &mut Bucket, now: OffsetDateTime) -> Queued<'s> {
        if bucket.waiting.is_empty() {
            bucket.since = now;
        }
        let ticket = bucket.next_ticket;
        bucket.next_ticket += 1;
        bucket.waiting.insert(ticket);
        Queued { shared, ticket, told: false }
    }

    fn ahead(&self, bucket: &Bucket) -> usize {
        bucket.waiting.range(..self.ticket).count()
    }

    fn held(&self, now: OffsetDateTime) -> Held {
        let bucket = self.shared.bucket();
        let elapsed = Duration::try_from(now - bucket.since).unwrap_or_default();
        Held { waiting: bucket.waiting.len(), elapsed }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.shared.bucket().waiting.remove(&self.ticket);
    }
}

/// A request that may go out. It is on its way until this is dropped; one that never went is given back.
#[must_use]
pub struct Permit {
    of: Option<(Arc<Shared>, Key, Budget)>,
    sent: bool,
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl Permit {
    /// Whether it still holds: no request was refused since it was given.
    pub fn holds(&self, now: OffsetDateTime) -> bool {
        self.of.as_ref().is_none_or(|(shared, ..)| !shared.bucket().closed(now))
    }

    /// Whether it is for a request of this kind to this path.
    pub(super) fn is_for(&self, method: Method, path: &str) -> bool {
        self.of.as_ref().is_none_or(|(_, key, _)| *key == (subscription(path), Kind::of(method)))
    }

    /// The request goes out.
    pub(super) fn sent(&mut self) {
        self.sent = true;
    }

    /// The answer is here.
    pub(super) fn answered(&self, headers: &Headers, now: OffsetDateTime) {
        if let Some((_, key, budget)) = &self.of {
            budget.told(key, headers, now);
        }
    }

    /// It was refused since too many were sent, with the wish that nobody sends any for so long.
    pub(super) fn refused(&self, wait: Duration, now: OffsetDateTime) {
        if let Some((shared, ..)) = &self.of {
            shared.bucket().refused(wait, now);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((shared, ..)) = &self.of {
            shared.bucket().give_back(self.sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn drained(kind: Kind) -> Bucket {
        let mut bucket = Bucket::full(kind, START);
        while bucket.wait(0, START).is_zero() {
            bucket.take();
        }
        bucket
    }

    #[test]
    fn a_full_bucket_goes_at_once_and_is_filled_by_the_second() {
        let mut bucket = drained(Kind::Reads);
        assert_eq!(bucket.in_flight, 200);
        assert_eq!(bucket.wait(0, START), Duration::from_millis(50));
        assert_eq!(bucket.wait(19, START), Duration::from_secs(1));
        let later = START + Duration::from_secs(1);
        (0..20).for_each(|_| {
            assert!(bucket.wait(0, later).is_zero());
            bucket.take();
        });
        assert!(!bucket.wait(0, later).is_zero());
        // Never more than it holds, however long nobody asks.
        let much_later = START + Duration::from_secs(86400);
        assert!(bucket.wait(199, much_later).is_zero());
        assert!(!bucket.wait(200, much_later).is_zero());
    }

    #[test]
    fn time_in_small_steps_counts_and_a_clock_that_goes_back_does_not() {
        let mut bucket = drained(Kind::Writes);
        let mut now = START;
        for _ in 0..1250 {
            now += Duration::from_micros(100);
            bucket.fill(now);
        }
        assert!(bucket.wait(0, now).is_zero(), "125 ms are one write");
        bucket.take();
        assert_eq!(bucket.wait(0, START - Duration::from_secs(3600)), Duration::from_millis(125));
        assert!(
            bucket.wait(0, START - Duration::from_secs(3599)).is_zero(),
            "filled by the clock as it goes now"
        );
    }

    #[test]
    fn the_server_s_count_is_the_truth_less_what_is_on_its_way() {
        let mut bucket = Bucket::full(Kind::Reads, START);
        bucket.take();
        bucket.take();
        bucket.told(15, START);
        assert_eq!(bucket.tokens, 4 * ONE);
        bucket.told(3, START);
        assert_eq!(bucket.tokens, -8 * ONE);
        assert_eq!(bucket.wait(0, START), Duration::from_millis(450));
        // Fewer than a full bucket, however much the server has (11999 of an hourly limit).
        bucket.told(11999, START);
        assert_eq!(bucket.tokens, 200 * ONE);
        bucket.told(i64::MIN, START);
        assert_eq!(bucket.tokens, -10 * ONE);
    }

    #[test]
    fn a_refusal_closes_it_for_everybody_and_lets_one_try() {
        let mut bucket = Bucket::full(Kind::Writes, START);
        bucket.refused(Duration::from_secs(7), START);
        assert_eq!(bucket.wait(0, START), Duration::from_secs(7));
        assert_eq!(bucket.wait(1, START), Duration::from_millis(7125));
        let open = START + Duration::from_secs(7);
        assert!(bucket.wait(0, open).is_zero());
        bucket.take();
        assert_eq!(bucket.wait(0, open), Duration::from_millis(125));
        // A later word does not open it earlier, and what was sent before does not fill it.
        let mut bucket = Bucket::full(Kind::Writes, START);
        bucket.refused(Duration::from_secs(7), START);
        bucket.refused(Duration::ZERO, START);
        bucket.told(150, START);
        assert_eq!(bucket.wait(0, START), Duration::from_secs(7));
        assert!(!bucket.wait(1, open).is_zero());
    }

    #[test]
    fn one_refusal_closes_it_for_a_minute_at_most() {
        for asked in [61, 7200, 86400, u64::MAX] {
            let mut bucket = Bucket::full(Kind::Reads, START);
            bucket.refused(Duration::from_secs(asked), START);
            assert_eq!(bucket.wait(0, START), LONGEST_CLOSED, "{asked}");
        }
    }

    #[test]
    fn what_was_taken_and_not_sent_is_given_back() {
        let mut bucket = drained(Kind::Writes);
        bucket.give_back(true);
        assert!(!bucket.wait(0, START).is_zero());
        bucket.give_back(false);
        assert!(bucket.wait(0, START).is_zero());
        assert_eq!(bucket.in_flight, 158);
        // Not after a refusal.
        bucket.refused(Duration::from_secs(1), START);
        bucket.give_back(false);
        assert_eq!(bucket.tokens, ONE);
    }

    #[test]
    fn headers_are_read_whatever_they_are_called() {
        assert_eq!(left("249"), Some(249));
        assert_eq!(left("Microsoft.Compute/GetOperation3Min;107,Microsoft.Compute/Get30Min;703"), Some(107));
        assert_eq!(left(" 7 "), Some(7));
        for nonsense in ["", "many", ";", "1.5", "99999999999999999999"] {
            assert_eq!(left(nonsense), None, "{nonsense}");
        }
        assert_eq!(Kind::named("subscription-global-writes"), Some(Kind::Writes));
        assert_eq!(Kind::named("tenant-reads"), Some(Kind::Reads));
        assert_eq!(Kind::named("subscription-resource-requests"), None);
    }

    #[test]
    fn a_bucket_is_a_subscription_s_or_the_tenant_s() {
        let key = |path: &str| subscription(path);
        assert_eq!(key("/Subscriptions/AB/resourceGroups/g"), "ab");
        assert_eq!(key("/subscriptions/ab"), "ab");
        assert_eq!(key("/subscriptions"), "");
        assert_eq!(key("/providers/Microsoft.Management/x"), "");
    }
}

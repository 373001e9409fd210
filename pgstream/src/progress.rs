//! What a run is doing, as one kind of event for the terminal, JSON lines, sockets and pages.
//!
//! A [`Run`] goes into every engine. It carries the order to stop and the place where progress is counted. Counting is cheap
//! (atomics); events are made when a phase changes, when there is something to warn of, and when the engine's ticker asks.
//!
//! Percent and time left are about *work*, not about bytes: each phase has planned units (a byte read is one unit; an index
//! build or a check of the target costs units too), so that neither stands still while indexes are built. Within a run the
//! percentage never falls.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The version of the event's fields.
pub const EVENT_VERSION: u32 = 1;

/// What a run is about to do, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// Connecting, locking, and finding out whether the run can work.
    Preflight,
    /// Making schemas, types, functions, tables.
    Schema,
    /// Moving rows and large objects.
    Data,
    /// Building indexes, primary keys and unique constraints.
    Indexes,
    /// Checking foreign keys and other constraints.
    Constraints,
    /// Comparing what arrived with what was read.
    Verify,
    /// Owners, privileges, policies, refreshes, statistics.
    Finish,
    /// Taking back what was made, after a failure or a cancel.
    Cleanup,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preflight => "preflight",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Indexes => "indexes",
            Self::Constraints => "constraints",
            Self::Verify => "verify",
            Self::Finish => "finish",
            Self::Cleanup => "cleanup",
        })
    }
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EventType {
    /// The run started or ended.
    State,
    /// Another phase began.
    Phase,
    /// Counters moved. A newer one replaces an older one.
    Progress,
    /// Something that the operator should know; `message` has it.
    Warning,
    /// A line for the log.
    Log,
    /// The run's report is ready.
    Report,
}

/// How many of something are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Finished.
    pub done: u64,
    /// Planned.
    pub total: u64,
}

/// Bytes of row data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteTally {
    /// Bytes of COPY data that arrived.
    pub done: u64,
    /// An estimate of what there is in all.
    pub expected: u64,
}

/// Why nothing moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// In words: `a lock on public.film, held by …`.
    pub why: String,
    /// The backend that is in the way, where there is one.
    pub pid: Option<i32>,
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// [`EVENT_VERSION`].
    pub v: u32,
    /// The run's name, as given to [`Run::named`].
    pub job: String,
    /// Counts the events of a run from 1, without a gap.
    pub seq: u64,
    /// When, in UTC.
    pub at: jiff::Timestamp,
    /// Which attempt at the job this is, from 1.
    pub attempt: u32,
    /// What the event tells.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The phase that the run is in.
    pub phase: Phase,
    /// What is being worked on.
    pub relations: Vec<String>,
    /// Tables.
    pub tables: Tally,
    /// Rows that arrived.
    pub rows: u64,
    /// Bytes of row data.
    pub bytes: ByteTally,
    /// 0 to 100; never falls within an attempt.
    pub percent: f64,
    /// Bytes of row data per second, smoothed.
    pub bytes_per_second: u64,
    /// Seconds until the end, once there is something to reckon with.
    pub seconds_left: Option<u64>,
    /// Why nothing moves, if nothing moves.
    pub waiting: Option<Waiting>,
    /// What a warning or a log line says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Takes events. Called from the engine's tasks: it must be quick and must not block.
pub trait Observer: Send + Sync {
    /// One event. Those of one run come in order of `seq`, one at a time.
    fn observe(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}

/// One run of an engine: the order to stop, and where progress is counted. Cloning gives another handle to the same run.
#[derive(Clone)]
pub struct Run {
    cancel: CancellationToken,
    shared: Arc<Shared>,
}

struct Shared {
    job: String,
    attempt: AtomicU32,
    observer: Option<Box<dyn Observer>>,
    tables_done: AtomicU64,
    tables_total: AtomicU64,
    rows: AtomicU64,
    bytes_done: AtomicU64,
    bytes_expected: AtomicU64,
    units_done: AtomicU64,
    units_total: AtomicU64,
    /// Work that is under way and counted as soon as it is done.
    units_half_done: AtomicU64,
    /// How many engines work for the run.
    at_work: watch::Sender<usize>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seq: u64,
    phase: Phase,
    /// What is being worked on, with the number of tasks at it.
    relations: BTreeMap<String, usize>,
    waiting: Option<Waiting>,
    warnings: Vec<String>,
    highest_percent: f64,
    rate: Rate,
}

/// Rates smoothed over about ten seconds.
#[derive(Debug)]
struct Rate {
    since: Instant,
    bytes: u64,
    units: u64,
    bytes_per_second: f64,
    units_per_second: f64,
}

/// The end of a run that was [cancelled](Run::cancel): a future that is ready when every engine that worked for it has returned, its
/// server backends are gone, and what it promised to take back is taken back. It need not be awaited. What was dropped, or was
/// not polled yet, is not waited for.
pub struct Ended(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for Ended {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ended")
    }
}

/// An engine that is at work.
#[must_use]
pub(crate) struct AtWork<'a>(&'a watch::Sender<usize>);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|engines| *engines -= 1);
    }
}

const SMOOTHING: Duration = Duration::from_secs(10);

impl Default for Run {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("job", &self.shared.job).field("cancelled", &self.cancel.is_cancelled()).finish()
    }
}

impl Run {
    /// A run that nobody watches.
    pub fn new() -> Self {
        Self::build("run".into(), 1, None)
    }

    /// A run whose events go to `observer`. `job` names it in events and in the sessions' `application_name`.
    pub fn named(job: impl Into<String>, observer: impl Observer + 'static) -> Self {
        Self::build(job.into(), 1, Some(Box::new(observer)))
    }

    fn build(job: String, attempt: u32, observer: Option<Box<dyn Observer>>) -> Self {
        let zero = || AtomicU64::new(0);
        let rate = Rate { since: Instant::now(), bytes: 0, units: 0, bytes_per_second: 0.0, units_per_second: 0.0 };
        let state = State {
            seq: 0,
            phase: Phase::Preflight,
            relations: BTreeMap::new(),
            waiting: None,
            warnings: Vec::new(),
            highest_percent: 0.0,
            rate,
        };
        let shared = Shared {
            job,
            attempt: AtomicU32::new(attempt),
            observer,
            tables_done: zero(),
            tables_total: zero(),
            rows: zero(),
            bytes_done: zero(),
            bytes_expected: zero(),
            units_done: zero(),
            units_total: zero(),
            units_half_done: zero(),
            at_work: watch::Sender::new(0),
            state: Mutex::new(state),
        };
        Self { cancel: CancellationToken::new(), shared: Arc::new(shared) }
    }

    /// A handle to the same run with an order to stop of its own, which also comes when this one's does: for the parts of an
    /// engine that end together.
    pub(crate) fn child(&self) -> Self {
        Self { cancel: self.cancel.child_token(), shared: Arc::clone(&self.shared) }
    }

    /// The run's name.
    pub fn job(&self) -> &str {
        &self.shared.job
    }

    /// The order to stop. Cancel it to end the run: the engine ends its server backends, takes back what it promised to take
    /// back, and returns an error whose code is `cancelled`.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Asks the run to stop. Whoever wants to know when nothing is left of it awaits what this gives.
    pub fn cancel(&self) -> Ended {
        self.cancel.cancel();
        let mut at_work = self.shared.at_work.subscribe();
        Ended(Box::pin(async move {
            // An error means that nobody has the run any more.
            let _ = at_work.wait_for(|engines| *engines == 0).await;
        }))
    }

    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Another phase begins.
    pub fn enter(&self, phase: Phase) {
        let mut state = self.state();
        if state.phase != phase || state.seq == 0 {
            state.phase = phase;
            self.emit(&mut state, EventType::Phase, None);
        }
    }

    /// What the run is at.
    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Says what the operator should know. Kept for the report.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        let mut state = self.state();
        if state.warnings.contains(&message) {
            return;
        }
        state.warnings.push(message.clone());
        self.emit(&mut state, EventType::Warning, Some(message));
    }

    /// Everything that was warned of so far, in order.
    pub fn warnings(&self) -> Vec<String> {
        self.state().warnings.clone()
    }

    /// A line for the log.
    pub fn log(&self, message: impl Into<String>) {
        let mut state = self.state();
        self.emit(&mut state, EventType::Log, Some(message.into()));
    }

    /// An event of this kind with the counters as they are.
    pub fn announce(&self, kind: EventType) {
        let mut state = self.state();
        self.emit(&mut state, kind, None);
    }

    /// Says why nothing moves, or that things move again.
    pub fn set_waiting(&self, waiting: Option<Waiting>) {
        self.state().waiting = waiting;
    }

    /// Plans tables and their bytes.
    pub fn expect_tables(&self, tables: u64, bytes: u64) {
        self.shared.tables_total.store(tables, Ordering::Relaxed);
        self.shared.bytes_expected.store(bytes, Ordering::Relaxed);
    }

    /// Plans work: one unit is the work of moving one byte.
    pub fn expect_work(&self, units: u64) {
        self.shared.units_total.fetch_add(units, Ordering::Relaxed);
    }

    /// Work that was planned is done, or turned out not to be needed.
    pub fn work_done(&self, units: u64) {
        self.shared.units_done.fetch_add(units, Ordering::Relaxed);
    }

    /// Everything is begun anew: nothing is done yet, and the next attempt is counted.
    pub(crate) fn begin_anew(&self) {
        let shared = &self.shared;
        let counters = [&shared.tables_done, &shared.tables_total, &shared.rows, &shared.bytes_done, &shared.bytes_expected];
        for counter in counters.into_iter().chain([&shared.units_done, &shared.units_total]) {
            counter.store(0, Ordering::Relaxed);
        }
        shared.attempt.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        state.highest_percent = 0.0;
        state.phase = Phase::Preflight;
        self.emit(&mut state, EventType::State, None);
    }

    /// Work that was counted has to be done again.
    pub(crate) fn work_undone(&self, units: u64) {
        self.shared.units_done.fetch_sub(units, Ordering::Relaxed);
    }

    /// How much of the work that is under way is done: it moves percent and time left before the work is counted as done.
    pub(crate) fn set_half_done(&self, units: u64) {
        self.shared.units_half_done.store(units, Ordering::Relaxed);
    }

    /// Rows arrived.
    pub fn moved(&self, rows: u64, bytes: u64) {
        self.shared.rows.fetch_add(rows, Ordering::Relaxed);
        self.shared.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rows that were counted have to be moved again.
    pub fn moved_in_vain(&self, rows: u64, bytes: u64) {
        self.shared.rows.fetch_sub(rows, Ordering::Relaxed);
        self.shared.bytes_done.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// One table is complete.
    pub fn table_done(&self) {
        self.shared.tables_done.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows `relation` among what is worked on, until the guard is dropped.
    pub fn working_on(&self, relation: impl Into<String>) -> Working {
        let relation = relation.into();
        *self.state().relations.entry(relation.clone()).or_default() += 1;
        Working { run: self.clone(), relation }
    }

    /// Emits a progress event every `every`, until dropped or until the future it is raced with ends.
    /// While it is raced, an engine is at work for the run.
    pub async fn tick(&self, every: Duration) {
        let _at_work = self.at_work();
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            self.announce(EventType::Progress);
        }
    }

    /// An engine is at work for the run until this is dropped.
    pub(crate) fn at_work(&self) -> AtWork<'_> {
        self.shared.at_work.send_modify(|engines| *engines += 1);
        AtWork(&self.shared.at_work)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // An observer that panics must not take the run with it: the counters are still right.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, state: &mut State, kind: EventType, message: Option<String>) {
        state.seq += 1;
        let Some(observer) = &self.shared.observer else { return };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let bytes = ByteTally { done: load(&self.shared.bytes_done), expected: load(&self.shared.bytes_expected) };
        let total = load(&self.shared.units_total);
        let done = load(&self.shared.units_done) + load(&self.shared.units_half_done);
        let units = Tally { done: done.min(total), total };
        state.rate.update(bytes.done, units.done);
        let event = Event {
            v: EVENT_VERSION,
            job: self.shared.job.clone(),
            seq: state.seq,
            at: jiff::Timestamp::now(),
            attempt: self.shared.attempt.load(Ordering::Relaxed),
            kind,
            phase: state.phase,
            relations: state.relations.keys().cloned().collect(),
            tables: Tally { done: load(&self.shared.tables_done), total: load(&self.shared.tables_total) },
            rows: load(&self.shared.rows),
            bytes,
            percent: state.percent(units),
            bytes_per_second: state.rate.bytes_per_second as u64,
            seconds_left: state.rate.seconds_left(units),
            waiting: state.waiting.clone(),
            message,
        };
        observer.observe(&event);
    }
}

impl State {
    fn percent(&mut self, units: Tally) -> f64 {
        let percent = match units.total {
            0 => 0.0,
            total => (units.done as f64 * 100.0 / total as f64).min(100.0),
        };
        self.highest_percent = self.highest_percent.max((percent * 10.0).round() / 10.0);
        self.highest_percent
    }
}

impl Rate {
    fn update(&mut self, bytes: u64, units: u64) {
        let elapsed = self.since.elapsed();
        if elapsed < Duration::from_millis(200) {
            return;
        }
        let weight = (elapsed.as_secs_f64() / SMOOTHING.as_secs_f64()).min(1.0);
        let smooth = |old: f64, moved: u64| {
            let now = moved as f64 / elapsed.as_secs_f64();
            if old == 0.0 { now } else { old + (now - old) * weight }
        };
        self.bytes_per_second = smooth(self.bytes_per_second, bytes.saturating_sub(self.bytes));
        self.units_per_second = smooth(self.units_per_second, units.saturating_sub(self.units));
        (self.since, self.bytes, self.units) = (Instant::now(), bytes, units);
    }

    fn seconds_left(&self, units: Tally) -> Option<u64> {
        let left = units.total.saturating_sub(units.done) as f64;
        (self.units_per_second >= 1.0).then(|| (left / self.units_per_second).ceil() as u64)
    }
}

/// Something is being worked on while this lives; see [`Run::working_on`].
#[derive(Debug)]
pub struct Working {
    run: Run,
    relation: String,
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.run.state();
        if let Some(tasks) = state.relations.get_mut(&self.relation) {
            *tasks -= 1;
            if *tasks == 0 {
                state.relations.remove(&self.relation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> (Run, Arc<Mutex<Vec<Event>>>) {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        (Run::named("test", move |e: &Event| sink.lock().unwrap().push(e.clone())), events)
    }

    #[test]
    fn events_are_numbered_without_a_gap() {
        let (run, events) = recorded();
        run.enter(Phase::Preflight);
        run.warn("a");
        run.warn("a");
        run.enter(Phase::Data);
        run.announce(EventType::Progress);
        let seen: Vec<u64> = events.lock().unwrap().iter().map(|e| e.seq).collect();
        assert_eq!(seen, [1, 2, 3, 4]);
        assert_eq!(run.warnings(), ["a"]);
    }

    #[test]
    fn the_percentage_never_falls_when_more_work_is_found() {
        let (run, events) = recorded();
        run.expect_work(100);
        run.work_done(50);
        run.announce(EventType::Progress);
        run.expect_work(900);
        run.announce(EventType::Progress);
        let seen: Vec<f64> = events.lock().unwrap().iter().map(|e| e.percent).collect();
        assert_eq!(seen, [50.0, 50.0]);
    }

    #[test]
    fn a_relation_is_shown_while_it_is_worked_on() {
        let (run, events) = recorded();
        let first = run.working_on("public.film");
        let second = run.working_on("public.film");
        drop(first);
        run.announce(EventType::Progress);
        drop(second);
        run.announce(EventType::Progress);
        let seen: Vec<usize> = events.lock().unwrap().iter().map(|e| e.relations.len()).collect();
        assert_eq!(seen, [1, 0]);
    }
}

//! What a run is doing, on standard error: a display on a terminal, lines elsewhere, or one JSON event per line.
//!
//! Events are painted on a thread of their own, so that a slow terminal never holds up a run. If that thread lags, progress
//! events are left out (a newer one replaces an older one); all others are kept.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pgstream::{Event, EventType};

use crate::words::{bytes, count, duration};

/// How often lines tell of progress where nobody watches.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// How many events may wait for the painter before progress is left out.
const WAITING_EVENTS: usize = 64;

/// Relations that are named at one time.
const SHOWN_RELATIONS: usize = 3;

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A display that is painted over.
    Terminal,
    /// Plain lines, every few seconds.
    Lines,
    /// One JSON object per line.
    Json,
    /// Warnings only: for commands that answer at once.
    Quiet,
}

impl Look {
    /// JSON if it was asked for, the display if somebody can see it, else lines.
    pub(crate) fn choose(is_json: bool, is_long: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match (is_json, is_long) {
            (true, _) => Self::Json,
            (false, false) => Self::Quiet,
            (false, true) if io::stderr().is_terminal() && !is_dumb => Self::Terminal,
            (false, true) => Self::Lines,
        }
    }

    fn painter(self) -> Box<dyn Painter> {
        match self {
            Self::Terminal => Box::new(Display::new()),
            Self::Lines => Box::new(Lines::new(io::stderr(), Some(BETWEEN_LINES))),
            Self::Quiet => Box::new(Lines::new(io::stderr(), None)),
            Self::Json => Box::new(JsonLines(io::stderr())),
        }
    }
}

enum Order {
    Show(Box<Event>),
    End,
}

/// The place where events are shown.
pub(crate) struct Screen {
    orders: Sender<Order>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Starts the painter.
    pub(crate) fn start(look: Look) -> Self {
        Self::with(look.painter())
    }

    fn with(painter: Box<dyn Painter>) -> Self {
        let (orders, incoming) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        let thread = std::thread::spawn(move || paint(painter, &incoming, &left));
        Self { orders, waiting, thread: Some(thread) }
    }

    /// What a run tells its events to.
    pub(crate) fn observer(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let orders = Mutex::new(self.orders.clone());
        let waiting = Arc::clone(&self.waiting);
        move |event: &Event| {
            if event.kind == EventType::Progress && waiting.load(Ordering::Relaxed) >= WAITING_EVENTS {
                return;
            }
            waiting.fetch_add(1, Ordering::Relaxed);
            let orders = orders.lock().unwrap_or_else(PoisonError::into_inner);
            // A painter that is gone shows nothing, and that must not end the run.
            let _ = orders.send(Order::Show(Box::new(event.clone())));
        }
    }

    /// Shows what is left and removes the display.
    pub(crate) fn finish(mut self) {
        let _ = self.orders.send(Order::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn paint(mut painter: Box<dyn Painter>, incoming: &Receiver<Order>, waiting: &AtomicUsize) {
    while let Ok(Order::Show(event)) = incoming.recv() {
        waiting.fetch_sub(1, Ordering::Relaxed);
        painter.show(&event);
    }
    painter.end();
}

/// Shows events in one way.
trait Painter: Send {
    fn show(&mut self, event: &Event);
    fn end(&mut self) {}
}

struct JsonLines<W>(W);

impl<W: Write + Send> Painter for JsonLines<W> {
    fn show(&mut self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            // Whoever reads standard error may have gone; the run goes on.
            let _ = writeln!(self.0, "{line}");
        }
    }
}

struct Lines<W> {
    out: W,
    /// `None` tells of warnings only.
    every: Option<Duration>,
    last: Option<Instant>,
}

impl<W: Write> Lines<W> {
    fn new(out: W, every: Option<Duration>) -> Self {
        Self { out, every, last: None }
    }

    fn is_due(&mut self, every: Duration) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= every);
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}

impl<W: Write + Send> Painter for Lines<W> {
    fn show(&mut self, event: &Event) {
        let line = match (event.kind, self.every) {
            (EventType::Warning | EventType::Log, _) => message(event),
            (EventType::Phase, Some(_)) => Some(format!("{} {}", clock(event), event.phase)),
            (EventType::Progress, Some(every)) if self.is_due(every) => Some(format!("{} {}", clock(event), one_line(event))),
            _ => None,
        };
        if let Some(line) = line {
            // As above.
            let _ = writeln!(self.out, "{line}");
        }
    }
}

/// Two lines that are painted over, below what has been said.
struct Display {
    bar: ProgressBar,
}

impl Display {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix:12} [{bar:28}] {msg}\n{wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { bar }
    }
}

impl Painter for Display {
    fn show(&mut self, event: &Event) {
        if let Some(message) = message(event) {
            self.bar.println(message);
        }
        let template = format!("{{prefix:12}} [{{bar:28}}] {}\n{{wide_msg}}", escaped(&first_line(event)));
        if let Ok(style) = ProgressStyle::with_template(&template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.set_prefix(event.phase.to_string());
        self.bar.set_position((event.percent * 10.0) as u64);
        self.bar.set_message(format!("             {}", second_line(event)));
        self.bar.tick();
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Braces mean something in a template.
fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// What a warning or a log line says.
fn message(event: &Event) -> Option<String> {
    let text = event.message.as_deref()?;
    Some(match event.kind {
        EventType::Warning => format!("warning: {text}"),
        _ => text.to_owned(),
    })
}

/// `16:49:38`, UTC.
fn clock(event: &Event) -> String {
    let at = event.at.to_string();
    at.get(11..19).unwrap_or(&at).to_owned()
}

/// Everything for a log, in one line.
fn one_line(event: &Event) -> String {
    format!("{}: {}, {}", event.phase, first_line(event), second_line(event))
}

/// How far it is, how fast, how long still.
fn first_line(event: &Event) -> String {
    let mut parts = vec![format!("{:.1} %", event.percent)];
    if event.bytes.expected > 0 || event.bytes.done > 0 {
        parts.push(match event.bytes.expected {
            0 => bytes(event.bytes.done),
            // It is an estimate, and more may come than was expected.
            expected => format!("{} of {}", bytes(event.bytes.done), bytes(expected.max(event.bytes.done))),
        });
    }
    if event.bytes_per_second > 0 {
        parts.push(format!("{}/s", bytes(event.bytes_per_second)));
    }
    if let Some(seconds) = event.seconds_left.filter(|_| event.percent < 100.0) {
        parts.push(format!("{} left", duration(Duration::from_secs(seconds))));
    }
    parts.join(", ")
}

/// What is done, and what is being done or waited for.
fn second_line(event: &Event) -> String {
    let mut parts = Vec::new();
    if event.tables.total > 0 {
        parts.push(format!("{} of {} tables", count(event.tables.done), count(event.tables.total)));
    }
    parts.push(format!("{} rows", count(event.rows)));
    let now = match &event.waiting {
        Some(waiting) => match waiting.pid {
            Some(pid) => format!("waiting for {} (pid {pid})", waiting.why),
            None => format!("waiting for {}", waiting.why),
        },
        None => relations(&event.relations),
    };
    if !now.is_empty() {
        parts.push(now);
    }
    parts.join(", ")
}

fn relations(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN_RELATIONS).map(String::as_str).collect::<Vec<_>>().join(" ");
    match names.len().saturating_sub(SHOWN_RELATIONS) {
        0 if shown.is_empty() => shown,
        0 => format!("now {shown}"),
        more => format!("now {shown} and {more} more"),
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;

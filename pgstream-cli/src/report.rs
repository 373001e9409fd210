//! What a command ended with, for people and as JSON.
//!
//! There is one report: the library's, with what only the program knows added to it (exit code, time, memory). What people read is
//! rendered from the same fields, so the two cannot tell different stories.

use std::time::Duration;

use pgstream::report::EndReport;
use pgstream::{Failure, Proven, TargetState};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::exit_code::Exit;
use crate::place::redact;
use crate::usage::WrongUsage;
use crate::words::{bytes, count, duration};

/// What a command did, as the library reports it.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// The library's report.
    pub(crate) report: Map<String, Value>,
    /// What people read in place of what is rendered from the report.
    pub(crate) text: Option<String>,
    /// The command that comes next.
    pub(crate) next: Option<String>,
}

impl Finished {
    /// A report of the library. What cannot be told in JSON is an error of ours.
    pub(crate) fn new(report: &impl Serialize) -> Result<Self, Problem> {
        let report = match serde_json::to_value(report) {
            Ok(Value::Object(fields)) => fields,
            Ok(other) => Map::from_iter([("result".to_owned(), other)]),
            Err(e) => return Err(Problem::Output(e.into())),
        };
        Ok(Self { exit: Exit::Proven, report, text: None, next: None })
    }

    /// The same, ending differently.
    pub(crate) fn ending(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The same, read by people as `text`.
    pub(crate) fn reading(self, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    /// The same, with the command that comes next if there is one that needs no more options.
    pub(crate) fn next_if(self, is_known: bool, command: impl FnOnce() -> String) -> Self {
        if is_known { self.next(command()) } else { self }
    }

    /// The same, with the command that comes next. Passwords are not repeated.
    pub(crate) fn next(self, command: impl AsRef<str>) -> Self {
        Self { next: Some(redact(command.as_ref())), ..self }
    }
}

/// Why a command did nothing, or not all.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The command line cannot be understood.
    Usage(WrongUsage),
    /// The library failed.
    Failed(Box<Failure>),
    /// It was stopped before a run had begun.
    Cancelled,
    /// Something of ours could not be read or written.
    Output(std::io::Error),
}

impl From<WrongUsage> for Problem {
    fn from(usage: WrongUsage) -> Self {
        Self::Usage(usage)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Problem {
    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Failed(failure) => Exit::of(failure.code()),
            Self::Cancelled => Exit::Cancelled,
            Self::Output(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Exit::ClosedPipe,
            Self::Output(_) => Exit::Failed,
        }
    }

    /// The report, with the fields of the library's `FailureReport`.
    fn report(&self) -> Map<String, Value> {
        let (code, message, hint) = match self {
            Self::Failed(failure) => match serde_json::to_value(failure.to_report()) {
                Ok(Value::Object(fields)) => return fields,
                // The types of a failure are plain; should they not be, the message is what counts.
                _ => (failure.code().as_str(), failure.to_string(), failure.error.hint()),
            },
            Self::Usage(usage) => (usage.code.as_str(), usage.message.clone(), usage.hint.clone()),
            Self::Cancelled => ("cancelled", "cancelled before the run began".into(), "Run the command again.".into()),
            Self::Output(e) if self.exit() == Exit::ClosedPipe => ("closed_pipe", e.to_string(), String::new()),
            Self::Output(e) => {
                ("output_failed", format!("could not write the report: {e}"), "Check where the output goes.".into())
            }
        };
        let error = json!({ "code": code, "message": message, "causes": [], "hint": hint, "retry": "after_operator" });
        Map::from_iter([
            ("error".to_owned(), error),
            ("target".to_owned(), json!(TargetState::Untouched)),
            ("warnings".to_owned(), json!([])),
        ])
    }
}

/// What is told at the end of the program.
#[derive(Debug)]
pub(crate) struct Report {
    exit: Exit,
    fields: Map<String, Value>,
    text: Option<String>,
    next: Option<String>,
}

/// What only the program knows.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    /// The command.
    pub(crate) command: &'static str,
    /// From start to end.
    pub(crate) elapsed: Duration,
    /// The most memory that the program had at one time.
    pub(crate) peak_memory: Option<u64>,
    /// What the run warned of.
    pub(crate) warnings: Vec<String>,
}

impl Report {
    /// Puts together what the library told and what the program knows. A field that the library has set stays.
    pub(crate) fn new(outcome: Result<Finished, Problem>, around: &Around, settle: impl Fn(Exit) -> Exit) -> Self {
        let (exit, mut fields, text, next) = match outcome {
            Ok(done) => (settle(done.exit), done.report, done.text, done.next),
            Err(problem) => (settle(problem.exit()), problem.report(), None, None),
        };
        let seconds = (around.elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let own = [
            ("command", json!(around.command)),
            // A report that tells of no target is of a command that writes none.
            ("target", json!(TargetState::Untouched)),
            ("seconds", json!(seconds)),
            ("peak_memory_bytes", json!(around.peak_memory)),
            ("warnings", json!(around.warnings)),
        ];
        for (name, value) in own {
            let is_empty = fields.get(name).is_none_or(|v| v.is_null() || v.as_array().is_some_and(Vec::is_empty));
            if is_empty {
                fields.insert(name.to_owned(), value);
            }
        }
        fields.insert("exit_code".to_owned(), json!(exit.code()));
        Self { exit, fields, text, next }
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether it tells of an error, which belongs on standard error.
    pub(crate) fn is_error(&self) -> bool {
        self.fields.contains_key("error")
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.fields.clone()).to_string()
    }

    /// For people. Ends with a line feed, unless there is nothing to say.
    pub(crate) fn to_text(&self, color: Color) -> String {
        let facts: Facts = serde_json::from_value(Value::Object(self.fields.clone())).unwrap_or_default();
        let mut lines = match (&facts.error, &self.text) {
            // Nobody is left to read it, and `head` closing a pipe is not worth a word.
            _ if self.exit == Exit::ClosedPipe => return String::new(),
            (Some(error), _) => facts.failure(error, color),
            (None, Some(text)) => vec![text.trim_end().to_owned()],
            (None, None) => facts.success(self.exit),
        };
        lines.retain(|line| !line.is_empty());
        if let Some(next) = &self.next {
            // Below a table it would look like one of its rows.
            let is_in_sections = lines.iter().any(|line| line.contains("\n\n"));
            lines.extend(is_in_sections.then(String::new));
            lines.push(format!("next:    {next}"));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Whether labels are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    /// For a terminal.
    On,
    /// For all else, and where `NO_COLOR` is set.
    Off,
}

impl Color {
    /// Colours on a terminal, unless the environment says no. Source: no-color.org.
    pub(crate) fn choose(is_terminal: bool) -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        if is_terminal && !is_unwanted && !is_dumb { Self::On } else { Self::Off }
    }

    fn label(self, label: &str) -> String {
        match self {
            Self::On => format!("\x1b[1;31m{label}\x1b[0m"),
            Self::Off => label.to_owned(),
        }
    }
}

/// The fields of a report that people read. Reports have more, and some have not all of these.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    command: String,
    error: Option<ErrorFacts>,
    from: Option<EndFacts>,
    to: Option<EndFacts>,
    proven: Option<Proven>,
    target: Option<TargetState>,
    tables: Vec<TableFacts>,
    rows: Option<u64>,
    bytes: Option<u64>,
    stored_bytes: Option<u64>,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    safety_backup: Option<SafetyFacts>,
    warnings: Vec<String>,
}

/// What was saved before something was overwritten.
#[derive(Debug, Deserialize)]
struct SafetyFacts {
    id: String,
    directory: String,
}

#[derive(Debug, Deserialize)]
struct ErrorFacts {
    message: String,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default)]
    hint: String,
}

/// An end of a run: told in full, or by its name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum EndFacts {
    Full(EndReport),
    Name(String),
}

/// A table of which more is told elsewhere.
#[derive(Debug, Deserialize)]
struct TableFacts {
    #[serde(default)]
    rows: u64,
    #[serde(default)]
    bytes: u64,
}

impl Facts {
    fn failure(&self, error: &ErrorFacts, color: Color) -> Vec<String> {
        // What has several lines tells of several things: all of them stand in one column.
        let indented = |text: &str| text.replace('\n', "\n       ");
        let mut lines = vec![format!("{} {}", color.label("error:"), indented(&error.message))];
        lines.extend(error.causes.iter().map(|cause| format!("cause: {}", indented(cause))));
        if !error.hint.is_empty() {
            lines.push(format!("hint:  {}", indented(&error.hint)));
        }
        let is_told = self.target.is_some_and(|target| target != TargetState::Untouched);
        lines.extend(self.target.filter(|_| is_told).map(|target| format!("state: {}", meaning(target))));
        lines
    }

    fn success(&self, exit: Exit) -> Vec<String> {
        let rows = self.rows.unwrap_or_else(|| self.tables.iter().map(|t| t.rows).sum());
        let moved = self.bytes.unwrap_or_else(|| self.tables.iter().map(|t| t.bytes).sum());
        let mut lines = vec![format!("{}: {}", self.command, self.verdict(exit))];
        lines.extend(self.from.as_ref().map(|end| format!("from:    {end}")));
        lines.extend(self.to.as_ref().map(|end| format!("to:      {end}")));
        lines.push(format!("rows:    {} in {} tables, {}", count(rows), count(self.tables.len() as u64), bytes(moved)));
        lines.extend(self.stored_bytes.map(|stored| format!("stored:  {}", bytes(stored))));
        lines.push(format!("time:    {}{}", duration(Duration::from_secs_f64(self.seconds.max(0.0))), self.rate(moved)));
        lines.extend(self.peak_memory_bytes.map(|memory| format!("memory:  {} at most", bytes(memory))));
        lines.extend(self.target.map(|target| format!("target:  {}", meaning(target))));
        let safety = self.safety_backup.as_ref();
        lines.extend(safety.map(|safety| format!("before:  backup {} in {}", safety.id, safety.directory)));
        // They were told when they came up, which may be thousands of lines ago.
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines
    }

    fn rate(&self, moved: u64) -> String {
        if self.seconds < 0.1 || moved == 0 {
            return String::new();
        }
        format!(", {}/s", bytes((moved as f64 / self.seconds) as u64))
    }

    fn verdict(&self, exit: Exit) -> &'static str {
        match (exit, self.proven) {
            (Exit::Different, _) => "not the same",
            (Exit::Proven, Some(Proven::Content)) => "done, proven by content (the hash of every table agrees)",
            (Exit::Proven, Some(Proven::Rows)) => "done, proven by rows (the counts of every table agree)",
            (Exit::Proven, Some(Proven::None)) => "done, NOT proven (no rows were compared)",
            (_, Some(Proven::None)) => "NOT proven: nothing was compared; --accept-unproven makes this a success",
            (Exit::Proven, None) => "done",
            _ => "failed",
        }
    }
}

impl std::fmt::Display for EndFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Full(end) => match &end.server_version {
                Some(version) => write!(f, "{} (PostgreSQL {version})", end.name),
                None => f.write_str(&end.name),
            },
        }
    }
}

fn meaning(target: TargetState) -> &'static str {
    match target {
        TargetState::Untouched => "untouched (nothing was written)",
        TargetState::Restored => "restored (what was written was taken back)",
        TargetState::Changed => "changed (something was written and is still there)",
        TargetState::Replaced => "replaced (it holds what the source held)",
    }
}

/// The most memory that this process had at one time, where the system tells. Source: proc_pid_status(5), `VmHWM`.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;

//! What a command costs: time, CPU and memory of all its processes.
//!
//! CPU is what the system adds to our own account of children that were waited for, so it misses nothing. Memory is sampled: the
//! sum, over the command's processes, of each one's high-water mark. Both are read from `/proc`; elsewhere they are 0.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often the processes are looked at. A process that lives shorter may be missed in the memory.
const SAMPLE: Duration = Duration::from_millis(10);

/// The unit of times in `/proc/<pid>/stat`: Linux tells them in hundredths of a second to programs. Source: proc_pid_stat(5).
const TICKS_PER_SECOND: f64 = 100.0;

/// The cost of one run.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of CPU, user and system.
    pub(crate) cpu: f64,
    /// In units of 1 048 576 bytes.
    pub(crate) peak_memory_mb: f64,
    /// Why the run does not count.
    pub(crate) problem: Option<String>,
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
pub(crate) fn measure(command: &mut Command) -> Measurement {
    // A group of its own, by which its processes are found.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let (cpu, start) = (cpu_of_children(), Instant::now());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("could not start {command:?}: {e}"));
    let stderr = child.stderr.take().expect("it is piped");
    let errors = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default());
    let mut peaks = BTreeMap::new();
    let status = loop {
        sample(child.id(), &mut peaks);
        if let Some(status) = child.try_wait().expect("our child can be waited for") {
            break status;
        }
        std::thread::sleep(SAMPLE);
    };
    let wall = start.elapsed().as_secs_f64();
    let errors = errors.join().unwrap_or_default();
    let tail: Vec<&str> = errors.lines().rev().take(5).collect();
    Measurement {
        wall,
        cpu: cpu_of_children() - cpu,
        peak_memory_mb: peaks.values().sum::<u64>() as f64 / 1024.0,
        problem: (!status.success()).then(|| format!("{status}: {}", tail.into_iter().rev().collect::<Vec<_>>().join(" / "))),
    }
}

/// Notes the high-water marks, in KiB, of the processes of a group. `exec` begins a new one, so the largest counts.
fn sample(group: u32, peaks: &mut BTreeMap<u32, u64>) {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if field(&stat, 5) != Some(u64::from(group)) {
            continue;
        }
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
        if let Some(kibibytes) = line.and_then(|n| n.trim().parse().ok()) {
            let peak = peaks.entry(pid).or_default();
            *peak = (*peak).max(kibibytes);
        }
    }
}

/// CPU seconds of all children that have ended and were waited for, and of theirs.
fn cpu_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = field(&stat, 16).unwrap_or(0) + field(&stat, 17).unwrap_or(0);
    ticks as f64 / TICKS_PER_SECOND
}

/// A field of `/proc/<pid>/stat`, counted from 1; the second one, in brackets, may hold anything.
fn field(stat: &str, number: usize) -> Option<u64> {
    stat.rsplit_once(") ")?.1.split(' ').nth(number - 3)?.parse().ok()
}

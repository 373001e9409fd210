//! Numbers as people read them.

use std::time::Duration;

/// `1.2 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    // What would be shown as 1024.0 belongs to the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// `3 200 112`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `12.3 s`, `4 min 5 s`, `3 h 12 min`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..60 if time.subsec_millis() > 0 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (1_288_490_189, "1.2 GiB")];
        for (number, expected) in sizes.into_iter().chain([(u64::MAX, "16384.0 PiB")]) {
            assert_eq!(bytes(number), expected);
        }
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1 000"), (3_200_112, "3 200 112")] {
            assert_eq!(count(number), expected);
        }
        let times = [(300, "0.3 s"), (5_000, "5 s"), (61_000, "1 min 1 s"), (3_600_000 * 3 + 720_000, "3 h 12 min")];
        for (millis, expected) in times {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
    }
}

//! Which connections get which faults.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::ConnectionStats;

/// A fault, and the connections that get it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Which connections.
    pub which: Which,
    /// What happens to them.
    pub fault: Fault,
}

impl Rule {
    /// A fault for the connections that `which` picks.
    pub fn new(which: Which, fault: Fault) -> Self {
        Self { which, fault }
    }

    /// A fault for every connection.
    pub fn every(fault: Fault) -> Self {
        Self::new(Which::Every, fault)
    }
}

/// A choice of connections.
#[derive(Clone)]
pub enum Which {
    /// All.
    Every,
    /// The n-th accepted, counted from 1.
    Number(u64),
    /// All but the first n.
    After(u64),
    /// Those whose `application_name` contains this text.
    Application(String),
    /// Each with this chance, 0 to 100, by the seed.
    Percent(u8),
    /// Those that a function picks.
    Where(Arc<dyn Fn(&ConnectionStats) -> bool + Send + Sync>),
}

impl Which {
    pub(super) fn picks(&self, connection: &ConnectionStats, random: &mut Random) -> bool {
        match self {
            Self::Every => true,
            Self::Number(number) => connection.number == *number,
            Self::After(number) => connection.number > *number,
            Self::Application(part) => connection.application_name.as_ref().is_some_and(|name| name.contains(part)),
            Self::Percent(percent) => random.below(100) < u64::from(*percent),
            Self::Where(pick) => pick(connection),
        }
    }
}

impl fmt::Debug for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("Every"),
            Self::Number(n) => write!(f, "Number({n})"),
            Self::After(n) => write!(f, "After({n})"),
            Self::Application(part) => write!(f, "Application({part:?})"),
            Self::Percent(percent) => write!(f, "Percent({percent})"),
            Self::Where(_) => f.write_str("Where(..)"),
        }
    }
}

/// What is done to a connection.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection ends at some moment.
    End(When, End),
    /// Every byte of one direction arrives this much later. The rate stays as it is.
    Delay(Direction, Duration),
    /// One direction carries at most this many bytes per second.
    Throttle(Direction, u64),
}

impl Fault {
    /// Makes the random choice in a fault, if there is one.
    pub(super) fn settled(self, random: &mut Random) -> Self {
        match self {
            Self::End(When::BytesWithin(direction, range), end) => {
                Self::End(When::Bytes(direction, range.start + random.below(range.end.saturating_sub(range.start))), end)
            }
            Self::End(When::Within(range), end) => {
                let span = range.end.saturating_sub(range.start).as_micros().try_into().unwrap_or(u64::MAX);
                Self::End(When::Elapsed(range.start + Duration::from_micros(random.below(span))), end)
            }
            other => other,
        }
    }
}

/// The moment at which a connection ends.
#[derive(Debug, Clone)]
pub enum When {
    /// After exactly this many bytes of one direction were passed on.
    Bytes(Direction, u64),
    /// After a number of bytes that the seed picks.
    BytesWithin(Direction, Range<u64>),
    /// This long after it was accepted.
    Elapsed(Duration),
    /// At a moment that the seed picks.
    Within(Range<Duration>),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both sides see an orderly end (FIN).
    Close,
    /// Both sides see a reset (RST), and what was under way is lost.
    Reset,
    /// Nothing passes any more, and neither side is told: what a router that forgot the connection does.
    BlackHole,
    /// The client sees a reset, and the server nothing at all: what a gateway does that forgot the connection.
    HalfOpen,
}

/// One of the two directions of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Client to server.
    Up,
    /// Server to client.
    Down,
}

/// Small repeatable random numbers (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence that `seed` fixes.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 if `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next_number() % limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let choose = |seed| {
            let mut random = Random::new(seed);
            (0..20).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(choose(7), choose(7));
        assert_ne!(choose(7), choose(8));
    }

    #[test]
    fn a_random_moment_lies_in_its_range() {
        let mut random = Random::new(3);
        for _ in 0..100 {
            let fault = Fault::End(When::BytesWithin(Direction::Down, 10..20), End::Reset).settled(&mut random);
            assert!(matches!(fault, Fault::End(When::Bytes(Direction::Down, 10..20), End::Reset)), "{fault:?}");
        }
    }
}

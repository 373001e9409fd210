//! The test harness: throw-away servers, databases, a judge, and things that break connections.
//!
//! A test asks for what it needs and gets it, or fails with what to install; nothing is skipped.
//!
//! * [`cluster::Cluster`]: a PostgreSQL server of a major version, shared by the tests of a run or private to one.
//! * [`database::TestDb`]: a database of its own for each test, dropped at its end.
//! * [`oracle`]: `pg_dump` and content hashes say whether two databases are the same.
//! * [`chaos::ChaosProxy`]: cuts, delays, throttles and resets connections, and counts round trips.
//! * [`pgbouncer::Pgbouncer`], [`redis::RedisServer`]: the real ones.
//! * [`command::Pgstream`]: the built command line in a clean environment.
//!
//! Everything listens on loopback only. Every server hangs on a [`guard::Guard`] and ends with the test process, however
//! that ends. Functions here panic when they cannot do their work: for a test that is the right way to fail.

pub mod certificates;
pub mod chaos;
pub mod cluster;
pub mod command;
pub mod container;
pub mod database;
pub mod environment;
pub mod guard;
pub mod oracle;
pub mod pgbouncer;
pub mod redis;
pub mod servers;
pub mod sql;

//! The plain format: a script that psql loads, laid out as pg_dump's are. See `docs/formats.md`.

mod restrict;
mod text;
mod writer;

pub use restrict::RestrictKey;
pub use text::is_own_script;
pub use writer::PlainWriter;

//! Scripts for psql, taken apart without psql: statements, rows and meta-commands.
//!
//! [`ScriptReader`] is fed with pieces of text and gives [`ScriptEvent`]s. A [`Statement`] can be judged
//! ([`Statement::classify`]) and shown without values ([`Statement::excerpt`]). All of it is pure: nothing here reads a file,
//! asks a server or runs anything.
//!
//! What it does not do: psql's variables (`:name` stays as it is), its conditions (`\if`), and anything that psql would do on
//! the machine that it runs on. Such a script is refused with the line and the command.

mod assembly;
mod bytes;
mod classify;
mod comment;
mod copy;
mod copy_block;
mod encoding;
mod event;
mod input;
mod lexer;
mod meta_command;
mod reader;
mod setting;
mod statement;
mod token;

pub use classify::{Benign, Classification, Reach, StatementKind, TransactionControl};
pub use comment::{ManifestComment, Remark};
pub use copy::{CopyDirection, CopyFormat, CopyStatement};
pub use encoding::ScriptEncoding;
pub use event::{CopyEnd, Meta, ScriptEnd, ScriptEvent};
pub use meta_command::MetaCommand;
pub use reader::{MAX_STATEMENT_BYTES, ScriptReader};
pub use setting::{Setting, SettingScope};
pub use statement::Statement;
#[cfg(test)]
pub(crate) use statement::statement;
pub(crate) use token::Cursor;

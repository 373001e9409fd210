//! Stands in for engines that the library does not have yet, with the signatures that they will have.

use pgstream::archive::Compression;
use pgstream::catalog::Filter;
use pgstream::connection::ConnectionConfig;
use pgstream::error::ArchiveError;
use pgstream::guard::Destination;
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::{Failure, Run, TargetState};
use serde::Serialize;

/// Options of an export.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ExportOptions {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// How many tables are read at the same time; 0 chooses
    #[arg(short = 'j', long, default_value_t = 0)]
    pub(crate) jobs: u32,
    /// How it is compressed: none, gzip, zstd or lz4, with a level if you like (zstd:3); what the name says if not given
    #[arg(short = 'Z', long, value_name = "METHOD[:LEVEL]", value_parser = crate::commands::export::compression)]
    pub(crate) compress: Option<Compression>,
    /// Definitions only, no rows
    #[arg(short = 's', long, conflicts_with = "data_only")]
    pub(crate) schema_only: bool,
    /// Rows only, no definitions
    #[arg(short = 'a', long)]
    pub(crate) data_only: bool,
    /// Drop everything first
    #[arg(short = 'c', long)]
    pub(crate) clean: bool,
    /// Drop only what is there
    #[arg(long, requires = "clean")]
    pub(crate) if_exists: bool,
    /// Leave ownership to the role that loads it
    #[arg(short = 'O', long)]
    pub(crate) no_owner: bool,
    /// Leave privileges out
    #[arg(short = 'x', long, visible_alias = "no-acl")]
    pub(crate) no_privileges: bool,
    /// Leave comments out
    #[arg(long)]
    pub(crate) no_comments: bool,
    /// Use the default tablespace for everything
    #[arg(long)]
    pub(crate) no_tablespaces: bool,
    /// Leave objects of kinds that cannot be carried yet out, and name each in the report
    #[arg(long)]
    pub(crate) skip_unsupported: bool,
    /// Seconds to wait for locks on tables; 0 waits without end, not set: 30
    #[arg(long, value_name = "SECONDS")]
    pub(crate) lock_timeout: Option<u64>,
    /// Make an error of every warning about objects that changed while they were read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of a comparison.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// How many tables are compared at the same time; 0 chooses
    #[arg(short = 'j', long, default_value_t = 0)]
    pub(crate) jobs: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct SyncPlan {}

#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    pub(crate) is_ready: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct VerifyReport {
    pub(crate) is_equal: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExportReport {}

#[derive(Debug, Serialize)]
pub(crate) struct InspectReport {}

fn missing<T>(option: &'static str, run: &Run) -> Result<T, Failure> {
    Err(Failure::new(ArchiveError::OptionUnsupported { option }, TargetState::Untouched, run))
}

pub(crate) async fn plan(_: &ConnectionConfig, _: &Destination, _: &SyncOptions, run: &Run) -> Result<SyncPlan, Failure> {
    missing("`pgstream sync --plan`", run)
}

pub(crate) async fn check(
    _: &ConnectionConfig,
    _: &ConnectionConfig,
    _: &SyncOptions,
    run: &Run,
) -> Result<CheckReport, Failure> {
    missing("`pgstream check`", run)
}

pub(crate) async fn verify(
    _: &ConnectionConfig,
    _: &ConnectionConfig,
    _: &VerifyOptions,
    run: &Run,
) -> Result<VerifyReport, Failure> {
    missing("`pgstream verify`", run)
}

pub(crate) async fn export(_: &ConnectionConfig, _: Sink, _: &ExportOptions, run: &Run) -> Result<ExportReport, Failure> {
    missing("`pgstream export`", run)
}

pub(crate) async fn inspect(_: &ConnectionConfig, _: &Filter, run: &Run) -> Result<InspectReport, Failure> {
    missing("`pgstream inspect`", run)
}

//! The one list of error codes.

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// A stable word for one way a run can fail: the same in JSON, in the job service and in `docs/errors.md#<code>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant),+
        }

        impl ErrorCode {
            /// Every code that pgstream can report. The documentation and the tests walk this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it is written in JSON and in the documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

error_codes! {
    /// The text that names a database is not a profile, a URL or a conninfo string that we understand.
    ConnectionString = "connection_string",
    /// No address of the server answered.
    ConnectionUnreachable = "connection_unreachable",
    /// The server refused the user, the password or the certificate.
    ConnectionAuthentication = "connection_authentication",
    /// The server gives no session: no such database, no free connection, shutting down.
    ConnectionRefused = "connection_refused",
    /// The TLS handshake failed, or the certificate is not the one that was asked for.
    ConnectionTls = "connection_tls",
    /// An open connection broke.
    ConnectionLost = "connection_lost",
    /// The server answered something that the protocol does not allow here.
    ConnectionProtocol = "connection_protocol",
    /// The server reported an error for a statement.
    ServerError = "server_error",
    /// The server is not PostgreSQL, or of a version that is not supported.
    ServerUnsupported = "server_unsupported",
    /// A catalog query answered something that we cannot read.
    CatalogDecode = "catalog_decode",
    /// The database holds objects of kinds that are not carried yet.
    CatalogUnsupportedObject = "catalog_unsupported_object",
    /// A database without an encoding has definitions that are no UTF-8.
    CatalogEncoding = "catalog_encoding",
    /// The source is itself a database that a run had not finished loading.
    SourceUnfinished = "source_unfinished",
    /// Tables kept changing while they were being locked.
    CatalogUnstable = "catalog_unstable",
    /// A lock on a table could not be had in time.
    LockTimeout = "lock_timeout",
    /// The snapshot was lost: the connections that held it ended.
    SnapshotLost = "snapshot_lost",
    /// The snapshot became older than `--max-snapshot-age` allows.
    SnapshotTooOld = "snapshot_too_old",
    /// The run gave way to a session that waited for its locks, as `--yield-to-ddl` asks.
    YieldedToDdl = "yielded_to_ddl",
    /// A filter names something that does not exist.
    FilterMatchesNothing = "filter_matches_nothing",
    /// A pattern or an option value cannot be understood.
    OptionInvalid = "option_invalid",
    /// The guard refused the destination.
    GuardRefused = "guard_refused",
    /// The guard could not find out which database the destination is.
    GuardUnidentified = "guard_unidentified",
    /// The identities of protected databases that were remembered cannot be read or written.
    GuardMemory = "guard_memory",
    /// No profile has that name.
    ProfileUnknown = "profile_unknown",
    /// The variables that make a profile cannot be understood.
    ProfileInvalid = "profile_invalid",
    /// The preflight check found what would make the run fail.
    PreflightFailed = "preflight_failed",
    /// The target holds objects already, and the mode asks for an empty one.
    TargetNotEmpty = "target_not_empty",
    /// Another run is writing to the target.
    TargetBusy = "target_busy",
    /// Rows could not be read from the source.
    CopyOut = "copy_out",
    /// A row is too large for the format that it has to travel in.
    RowTooLarge = "row_too_large",
    /// Rows could not be written to the target.
    CopyIn = "copy_in",
    /// A repeated read did not give the same rows.
    ReadNotRepeatable = "read_not_repeatable",
    /// A statement failed in the target.
    ApplyFailed = "apply_failed",
    /// What arrived is not what was read.
    VerificationFailed = "verification_failed",
    /// No backup has that name, or several begin with it.
    BackupUnknown = "backup_unknown",
    /// The backup is incomplete, of a newer pgstream, or in use.
    BackupUnusable = "backup_unusable",
    /// The folder of backups, or something in it, could not be read or removed.
    BackupUnreadable = "backup_unreadable",
    /// An input was not the same when it was read again.
    InputChanged = "input_changed",
    /// An input could not be read.
    InputFailed = "input_failed",
    /// A compressed input is damaged, cut, or followed by something else.
    InputDamaged = "input_damaged",
    /// A script ends in the middle of something.
    ScriptIncomplete = "script_incomplete",
    /// A script holds bytes that no script can have, or something too large.
    ScriptInvalid = "script_invalid",
    /// A script holds a meta-command or SQL that an import does not run.
    ScriptRefused = "script_refused",
    /// The output could not be written.
    OutputFailed = "output_failed",
    /// The output exists already.
    OutputExists = "output_exists",
    /// The run was cancelled.
    Cancelled = "cancelled",
    /// The reader of our output went away.
    ClosedPipe = "closed_pipe",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

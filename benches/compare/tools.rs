//! What is compared, and how each is called.

use std::path::PathBuf;
use std::process::Command;

use pgstream_tests::command::binary;
use pgstream_tests::{environment, servers};

/// Where a run reads and writes.
#[derive(Debug)]
pub(crate) struct Place {
    /// The database that is read.
    pub(crate) source: String,
    /// An empty database.
    pub(crate) target: String,
    /// An empty folder.
    pub(crate) folder: PathBuf,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Tool {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Whether the target has to hold the rows afterwards.
    pub(crate) fills_target: bool,
    script: &'static str,
}

/// Tools that write a file. The first one is what the others are compared with.
pub(crate) fn exports() -> Vec<Tool> {
    vec![
        Tool::file("pg_dump", r#"exec "$PG_DUMP" -f dump.sql "$SOURCE""#),
        Tool::file("pg_dump -Fd -j2 -Z0", r#"exec "$PG_DUMP" -Fd -j2 -Z0 -f dump "$SOURCE""#),
        Tool::file("pgstream export", r#"exec "$PGSTREAM" export --from "$SOURCE" --to ./export.sql"#),
        Tool::file("pgstream export, zstd", r#"exec "$PGSTREAM" export --from "$SOURCE" --to ./export.sql.zst"#),
    ]
}

/// Tools that fill a database. The first one is what the others are compared with.
pub(crate) fn syncs() -> Vec<Tool> {
    let mut tools = vec![
        Tool::copy("pg_dump | psql", r#""$PG_DUMP" "$SOURCE" | "$PSQL" -qX -v ON_ERROR_STOP=1 "$TARGET""#),
        Tool::copy(
            "pg_dump -Fd -j2, pg_restore -j2",
            r#""$PG_DUMP" -Fd -j2 -Z0 -f dump "$SOURCE" && "$PG_RESTORE" -j2 -d "$TARGET" dump"#,
        ),
        Tool::copy("pgstream sync -j1, rows", r#"exec "$PGSTREAM" sync -j1 --verify rows --from "$SOURCE" --to "$TARGET""#),
        Tool::copy("pgstream sync -j2, rows", r#"exec "$PGSTREAM" sync -j2 --verify rows --from "$SOURCE" --to "$TARGET""#),
        Tool::copy(
            "pgstream sync -j2, checksum",
            r#"exec "$PGSTREAM" sync -j2 --verify checksum --from "$SOURCE" --to "$TARGET""#,
        ),
    ];
    if servers::program("pgcopydb").is_some() {
        let clone = r#"exec pgcopydb clone --source "$SOURCE" --target "$TARGET" --dir work --table-jobs 2 --index-jobs 2"#;
        tools.push(Tool::copy("pgcopydb clone, 2 and 2 jobs", clone));
    }
    tools
}

impl Tool {
    fn file(name: &'static str, script: &'static str) -> Self {
        Self { name, fills_target: false, script }
    }

    fn copy(name: &'static str, script: &'static str) -> Self {
        Self { name, fills_target: true, script }
    }

    /// The call, in an environment that holds nothing of ours. A pipe fails if its end does; what it read is counted later.
    pub(crate) fn command(&self, place: &Place) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", self.script]).current_dir(&place.folder);
        environment::clear(&mut command);
        command.env("SOURCE", &place.source).env("TARGET", &place.target).env("HOME", &place.folder);
        command.env("PGSTREAM_STATE_DIRECTORY", place.folder.join("state"));
        command.env("PGSTREAM", binary("pgstream-cli", "pgstream"));
        for (variable, program) in [("PG_DUMP", "pg_dump"), ("PSQL", "psql"), ("PG_RESTORE", "pg_restore")] {
            command.env(variable, servers::client_program(program));
        }
        command
    }
}

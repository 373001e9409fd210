//! What a child process may see of our environment: nothing that names a database, a secret or another installation.

use std::process::Command;

/// Whether a variable could lead a test to something outside of the test.
pub fn is_foreign(name: &str) -> bool {
    name.starts_with("PG") && !name.starts_with("PGSTREAM_TEST_")
        || name.starts_with("AWS_")
        || name.ends_with("DATABASE_URL") && !name.starts_with("PGSTREAM_TEST_")
        || name == "REDIS_URL"
}

/// Removes every foreign variable (`PG*`, `*DATABASE_URL`, `PGSTREAM_*`, `REDIS_URL`, `AWS_*`) from a command's environment.
pub fn clear(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if is_foreign(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
}

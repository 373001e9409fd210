//! How much room the target's disk has, where it can be seen: when the server runs on this machine and its folder may be read.
//!
//! A loopback address proves nothing, since a tunnel looks the same. The proof is the server's own `postmaster.pid`.

use std::path::PathBuf;

/// Where a database says that it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataPlace {
    /// `data_directory`; only privileged roles are told.
    pub(super) data_directory: Option<String>,
    /// The folder of the database's tablespace, if it is not the default one.
    pub(super) tablespace_directory: Option<String>,
    /// `port`.
    pub(super) port: i32,
    /// When the server was started, in seconds since 1970.
    pub(super) started_seconds: i64,
}

/// How much later than in `postmaster.pid` a server may say that it started.
const START_TOLERANCE_SECONDS: i64 = 60;

/// Free bytes for an ordinary user where the database lies; `None` when that cannot be seen from here.
pub(super) fn free_bytes(place: &DataPlace) -> Option<u64> {
    let folder = PathBuf::from(place.data_directory.as_ref()?);
    let pid_file = std::fs::read_to_string(folder.join("postmaster.pid")).ok()?;
    if !is_of_this_server(&pid_file, place) {
        return None;
    }
    let folder = place.tablespace_directory.as_ref().map_or(folder, PathBuf::from);
    free_in(&folder)
}

/// Line 3 is the time of the start, line 4 the port. Source: the observed file of servers 13 to 18.
fn is_of_this_server(pid_file: &str, place: &DataPlace) -> bool {
    let line = |number: usize| pid_file.lines().nth(number)?.trim().parse::<i64>().ok();
    let (Some(started), Some(port)) = (line(2), line(3)) else { return false };
    port == i64::from(place.port) && (-1..=START_TOLERANCE_SECONDS).contains(&(place.started_seconds - started))
}

#[cfg(unix)]
fn free_in(folder: &std::path::Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail * found.f_frsize)
}

#[cfg(not(unix))]
fn free_in(_folder: &std::path::Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &std::path::Path) -> DataPlace {
        let data_directory = Some(folder.to_str().unwrap().to_owned());
        DataPlace { data_directory, tablespace_directory: None, port: 5432, started_seconds: 1000 }
    }

    #[test]
    fn a_folder_that_is_this_servers_own_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("postmaster.pid"), "77\n/data\n999\n5432\n/tmp\n127.0.0.1\n").unwrap();
        assert!(free_bytes(&place(folder.path())).is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn a_folder_of_the_same_name_on_another_machine_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for pid_file in ["", "77\n/data\n999\n5433\n", "77\n/data\n100\n5432\n", "77\n/data\n2000\n5432\n", "x\ny\nz\nw\n"] {
            std::fs::write(folder.path().join("postmaster.pid"), pid_file).unwrap();
            assert_eq!(free_bytes(&place(folder.path())), None, "{pid_file:?}");
        }
        let unseen = DataPlace { data_directory: None, ..place(folder.path()) };
        assert_eq!(free_bytes(&unseen), None);
    }
}

use super::*;

fn identity(profile: &str, system: &str) -> RememberedIdentity {
    RememberedIdentity {
        profile: profile.into(),
        class: Class::Production,
        system_identifier: Some(system.into()),
        database_oid: 5,
        database_name: "d".into(),
    }
}

#[tokio::test]
async fn what_is_remembered_stays_until_it_is_forgotten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = FileMemory::in_directory(&folder.path().join("deep/state"));
    assert_eq!(memory.recall().await.expect("a missing file is empty"), []);
    for (profile, system) in [("production", "1"), ("production", "1"), ("production", "2"), ("staging", "3")] {
        memory.remember(&identity(profile, system)).await.expect("it is written");
    }
    let all = [identity("production", "1"), identity("production", "2"), identity("staging", "3")];
    assert_eq!(memory.recall().await.expect("it is read"), all);
    assert!(memory.forget("production").await.expect("it is written"));
    assert!(!memory.forget("production").await.expect("it is read"));
    assert_eq!(memory.recall().await.expect("it is read"), [identity("staging", "3")]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = FileMemory::in_directory(folder.path());
    for text in ["", "{", "[]", r#"{"version":2,"identities":[]}"#, r#"{"version":1}"#] {
        std::fs::write(memory.path(), text).expect("it is written");
        let errors = [
            memory.recall().await.expect_err(text),
            memory.remember(&identity("p", "1")).await.expect_err(text),
            memory.forget("p").await.expect_err(text),
        ];
        for error in errors {
            assert!(matches!(error, GuardError::Memory { .. }) && error.hint().contains("move it away"), "{text}: {error:?}");
        }
        assert_eq!(std::fs::read_to_string(memory.path()).expect("it is there"), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_one_time_lose_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let writers = (0..20).map(|i| {
        let memory = FileMemory::in_directory(folder.path());
        tokio::spawn(async move { memory.remember(&identity("p", &i.to_string())).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("it ends").expect("it is written");
    }
    assert_eq!(FileMemory::in_directory(folder.path()).recall().await.expect("it is read").len(), 20);
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = FileMemory::in_directory(&folder.path().join("state"));
    memory.remember(&identity("p", "1")).await.expect("it is written");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let found = [memory.path(), memory.path().parent().expect("a folder")].map(mode);
    assert_eq!(found, [0o600, 0o700]);
    let names = std::fs::read_dir(folder.path().join("state")).expect("it is there").count();
    assert_eq!(names, 2, "the list and its lock, and nothing half-written");
}

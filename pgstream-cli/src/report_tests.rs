use pgstream::{ConnectionError, Phase, Run};

use super::*;

fn around(command: &'static str) -> Around {
    Around { command, elapsed: Duration::from_millis(12_345), peak_memory: Some(34 << 20), warnings: vec!["w".into()] }
}

fn same(exit: Exit) -> Exit {
    exit
}

fn lost() -> Problem {
    let run = Run::new();
    run.enter(Phase::Data);
    let error = ConnectionError::Lost { server: "u@h:5432/d".into(), problem: "connection reset".into() };
    Failure::new(error, TargetState::Restored, &run).into()
}

fn synced(proven: &str) -> Finished {
    Finished::new(&json!({
        "from": { "name": "u@h:5432/d", "server_version": "15.4", "database": "d", "system_identifier": null },
        "to": { "name": "u@i:5432/e", "server_version": null, "database": "e", "system_identifier": null },
        "tables": [
            { "schema": "s", "name": "a", "rows": 1000, "bytes": 1 << 20, "hash": "", "proven": "rows" },
            { "schema": "s", "name": "b", "rows": 234, "bytes": 1 << 20, "hash": "", "proven": "rows" },
        ],
        "proven": proven,
        "target": "replaced",
        "warnings": [],
    }))
    .unwrap()
}

#[test]
fn a_success_is_told_with_proof_numbers_and_next_step() {
    let report = Report::new(Ok(synced("rows").next("pgstream verify --from a --to b")), &around("sync"), same);
    let expected = "\
sync: done, proven by rows (the counts of every table agree)
from:    u@h:5432/d (PostgreSQL 15.4)
to:      u@i:5432/e
rows:    1 234 in 2 tables, 2.0 MiB
time:    12.3 s, 165.9 KiB/s
memory:  34.0 MiB at most
target:  replaced (it holds what the source held)
warning: w
next:    pgstream verify --from a --to b
";
    assert_eq!(report.to_text(Color::Off), expected);
}

#[test]
fn the_json_report_is_one_line_with_the_library_s_fields_and_the_program_s() {
    let report = Report::new(Ok(synced("content")), &around("sync"), same).to_json();
    let fields: Value = serde_json::from_str(&report).unwrap();
    assert!(!report.contains('\n'));
    assert_eq!(fields["proven"], "content");
    assert_eq!(fields["tables"][1]["rows"], 234);
    assert_eq!((&fields["command"], &fields["exit_code"], &fields["seconds"]), (&json!("sync"), &json!(0), &json!(12.345)));
    assert_eq!((&fields["peak_memory_bytes"], &fields["warnings"]), (&json!(34 << 20), &json!(["w"])));
    assert!(fields.get("error").is_none());
}

#[test]
fn an_unproven_run_says_so_and_fails() {
    let report = Report::new(Ok(synced("none").ending(Exit::Failed)), &around("sync"), same);
    assert!(report.to_text(Color::Off).starts_with("sync: NOT proven"), "{}", report.to_text(Color::Off));
    let accepted = Report::new(Ok(synced("none")), &around("sync"), same);
    assert!(accepted.to_text(Color::Off).starts_with("sync: done, NOT proven"), "{}", accepted.to_text(Color::Off));
    assert_eq!((report.exit(), accepted.exit()), (Exit::Failed, Exit::Proven));
}

#[test]
fn a_failure_is_told_by_error_hint_and_state() {
    let report = Report::new(Err(lost()), &around("sync"), same);
    let expected = "\
error: the connection to u@h:5432/d was lost: connection reset
hint:  Run the same command again. If it happens again, look into the server's log.
state: restored (what was written was taken back)
";
    assert_eq!(report.to_text(Color::Off), expected);
    assert!(report.is_error());
}

#[test]
fn causes_stand_between_error_and_hint() {
    let fields = json!({ "error": { "message": "m", "causes": ["a", "b"], "hint": "H." }, "target": "untouched" });
    let Value::Object(fields) = fields else { unreachable!() };
    let report = Report { exit: Exit::Failed, fields, text: None, next: None };
    assert_eq!(report.to_text(Color::Off), "error: m\ncause: a\ncause: b\nhint:  H.\n");
}

#[test]
fn a_failure_in_json_has_code_phase_and_target() {
    let fields: Value = serde_json::from_str(&Report::new(Err(lost()), &around("sync"), same).to_json()).unwrap();
    assert_eq!(fields["error"]["code"], "connection_lost");
    assert_eq!(fields["error"]["retry"], "now");
    assert_eq!((&fields["phase"], &fields["target"]), (&json!("data"), &json!("restored")));
    assert_eq!((&fields["exit_code"], &fields["command"]), (&json!(1), &json!("sync")));
}

#[test]
fn every_problem_has_the_same_fields_in_json() {
    let problems = [
        Problem::Usage(WrongUsage::new("m", "H.")),
        Problem::Cancelled,
        Problem::Output(std::io::Error::other("full")),
        Problem::Output(std::io::ErrorKind::BrokenPipe.into()),
        lost(),
    ];
    for problem in problems {
        let told = format!("{problem:?}");
        let fields: Value = serde_json::from_str(&Report::new(Err(problem), &around("export"), same).to_json()).unwrap();
        for field in ["code", "message", "causes", "hint", "retry"] {
            assert!(fields["error"].get(field).is_some(), "{told} has no error.{field}");
        }
        assert!(fields["target"].is_string() && fields["warnings"].is_array(), "{told}");
    }
}

#[test]
fn a_signal_decides_how_a_cancelled_run_ends_and_no_other() {
    let term = |exit| if exit == Exit::Cancelled { Exit::Terminated } else { exit };
    assert_eq!(Report::new(Err(Problem::Cancelled), &around("sync"), term).exit(), Exit::Terminated);
    assert_eq!(Report::new(Err(lost()), &around("sync"), term).exit(), Exit::Failed);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let broken = || Problem::Output(std::io::ErrorKind::BrokenPipe.into());
    let report = Report::new(Err(broken()), &around("export"), same);
    assert_eq!((report.exit(), report.to_text(Color::Off)), (Exit::ClosedPipe, String::new()));
}

#[test]
fn colour_is_for_the_label_only() {
    let report = Report::new(Err(WrongUsage::new("m", "H.").into()), &around("sync"), same);
    assert_eq!(report.to_text(Color::On), "\x1b[1;31merror:\x1b[0m m\nhint:  H.\n");
}

#[test]
fn passwords_stay_out_of_reports() {
    let wrong = WrongUsage::new("--to postgres://u:s3cret@h/d is a database", "H.");
    let next = synced("rows").next("pgstream verify --from postgres://u:s3cret@h/d --to 'host=h password=s3cret'");
    let texts = [
        Report::new(Err(wrong.into()), &around("export"), same).to_text(Color::Off),
        Report::new(Ok(next), &around("sync"), same).to_text(Color::Off),
    ];
    assert!(!texts.concat().contains("s3cret"), "{texts:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn peak_memory_is_told() {
    assert!(peak_memory().is_some_and(|bytes| bytes > 1 << 20));
}

//! `pgstream verify`, `check`, `sync --plan` and `inspect`: what they tell, and that they write nothing.

use std::path::Path;

use pgstream_tests::command::Pgstream;
use pgstream_tests::oracle;
use serde_json::Value;

use super::Two;

/// A field of each of some objects.
fn texts<'a>(values: &'a Value, field: &str) -> Vec<&'a str> {
    values.as_array().into_iter().flatten().filter_map(|value| value[field].as_str()).collect()
}

#[tokio::test]
async fn equal_databases_verify_with_0_and_different_ones_with_5_and_the_tables_names() {
    let two = Two::with_rows().await;
    two.source.execute("create table same (i int); create table other_rows (i int); create table absent (i int)").await;
    two.run("sync --from production --to local", 0).await;
    let outcome = two.run("verify --from production --to local", 0).await;
    assert!(
        outcome.text().starts_with("verify: the same\n") && outcome.text().contains("3 rows in 4 tables"),
        "{}",
        outcome.text()
    );

    two.target.execute("update film set title = 'z' where id = 2; insert into other_rows values (1); drop table absent").await;
    let outcome = two.run("verify --from production --to local", 5).await;
    let text = outcome.text();
    for line in [
        "verify: NOT the same: 3 differences",
        "differs:  public.absent is missing in B",
        "differs:  public.film has 3 rows in both, with other contents",
        "differs:  public.other_rows has 0 rows in A and 1 in B",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("public.same"), "{text}");
    let report = two.run("verify --from production --to local --json", 5).await.json();
    assert_eq!((&report["is_same"], &report["target"], &report["exit_code"]), (&false.into(), &"untouched".into(), &5.into()));
    assert_eq!(texts(&report["differences"], "table"), ["public.absent", "public.film", "public.other_rows"]);
}

#[tokio::test]
async fn inspect_tells_objects_sizes_and_what_stands_in_the_way() {
    let two = Two::with_rows().await;
    two.source.execute("create schema side; create table side.t (i int); create view v as select 1 as one; analyze film").await;
    let report = two.run("inspect --from production --json", 0).await.json();
    assert_eq!(texts(&report["tables"], "name").len(), 2);
    let film = report["tables"].as_array().into_iter().flatten().find(|table| table["name"] == "film");
    assert_eq!(film.map(|film| &film["estimated_rows"]), Some(&3.into()), "{report}");
    assert!(texts(&report["kinds"], "kind").contains(&"VIEW") && report["bytes"].as_u64() > Some(0), "{report}");
    assert_eq!((&report["problems"], &report["target"]), (&Value::Array(Vec::new()), &"untouched".into()));

    let text = two.run("inspect --from production -n side", 0).await.text();
    assert!(text.contains("side.t") && !text.contains("film") && text.contains("next:    pgstream export"), "{text}");

    let poor = two.source.cluster().create_plain_role(&format!("{}_poor", two.source.name()), two.source.name());
    let text = two.command("inspect --from poor").env("PGSTREAM_PROFILE_POOR_URL", poor).run().await.expect_code(0).text();
    assert!(text.contains("public.film cannot be read") && !text.contains("next:"), "{text}");
    two.source.cluster().admin(&format!("drop role {}_poor", two.source.name()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_report_that_cannot_be_written_is_no_success() {
    let two = Two::with_rows().await;
    let program = pgstream_tests::command::binary("pgstream-cli", "pgstream");
    let line = format!("'{}' inspect --from production >/dev/full", program.display());
    let outcome = Pgstream::program(Path::new("/bin/sh"), ["-c", &line]).env("PRODUCTION_DATABASE_URL", two.source.url());
    let outcome = outcome.run().await.expect_code(1);
    assert!(outcome.stderr.contains("error: could not write the report: "), "{}", outcome.stderr);
}

#[tokio::test]
async fn check_says_ready_with_the_next_step_and_writes_nothing() {
    let two = Two::with_rows().await;
    let outcome = two.run("check --from production --to local", 0).await;
    assert!(outcome.text().starts_with("check: ready"), "{}", outcome.text());
    assert!(outcome.text().contains("next:    pgstream sync --from production --to local"), "{}", outcome.text());
    assert_eq!(two.tables_in_target().await, "0");
}

#[tokio::test]
async fn check_finds_everything_at_once_and_tells_what_to_do_about_each() {
    let two = Two::with_rows().await;
    two.target.execute("create table mine (i int)").await;
    let words = "check --from production --to local -j 5000";
    let text = two.run(words, 4).await.text();
    assert!(
        text.starts_with("check: NOT ready, 2 errors") && text.contains("(target_not_empty)\n         Name an empty database"),
        "{text}"
    );
    assert!(!text.contains("next:"), "{text}");
    let report = two.run(&format!("{words} --json"), 4).await.json();
    assert_eq!((&report["is_ready"], &report["target"]), (&false.into(), &"untouched".into()));
    let rules = texts(&report["findings"], "rule");
    assert!(rules.contains(&"target_not_empty") && rules.contains(&"connections"), "{report}");
    assert!(texts(&report["findings"], "remedy").iter().all(|remedy| remedy.ends_with('.')), "{report}");
    assert_eq!(two.tables_in_target().await, "1");
}

#[tokio::test]
async fn a_plan_lists_what_would_be_made_and_makes_nothing() {
    let two = Two::with_rows().await;
    two.source.execute("create index on film (title)").await;
    let before = oracle::contents(&two.target.url());
    let text = two.run("sync --from production --to local --plan", 0).await.text();
    assert!(text.starts_with("plan: nothing was written\n") && text.contains("public.film"), "{text}");
    let report = two.run("sync --from production --to local --plan --json", 0).await.json();
    assert_eq!(texts(&report["tables"], "name"), ["film"]);
    assert!(texts(&report["entries"], "kind").contains(&"INDEX"), "{report}");
    assert_eq!(report["target"], "untouched");
    assert_eq!(before.differences(&oracle::contents(&two.target.url())), Vec::<String>::new());
    assert_eq!(two.tables_in_target().await, "0");
}

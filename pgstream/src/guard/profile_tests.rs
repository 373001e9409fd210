use std::path::Path;

use super::*;

fn env(vars: &[(&str, &str)]) -> Environment {
    vars.iter().fold(Environment::empty().with_os_user("me"), |env, (k, v)| env.with(*k, *v))
}

fn file(text: &str) -> EnvFile {
    EnvFile::parse(Path::new(".env"), text).expect(text)
}

fn class_of(profiles: &Profiles, name: &str) -> Class {
    profiles.get(name).unwrap_or_else(|| panic!("{name} is missing from {profiles:?}")).class()
}

#[test]
fn variables_make_profiles_with_their_class() {
    let profiles = Profiles::from_env(&env(&[
        ("PRODUCTION_DATABASE_URL", "postgres://p.example/d"),
        ("STAGING_DATABASE_URL", "postgres://s.example/d"),
        ("DEV_DATABASE_URL", "postgres://d.example/d"),
        ("LOCAL_DATABASE_URL", "postgres://localhost/d"),
        ("PGSTREAM_PROFILE_EU_WEST_URL", "postgres://eu.example/d"),
        ("PGSTREAM_PROFILE_EU_WEST_CLASS", "staging"),
        ("PGSTREAM_PROFILE_UNSAID_URL", "postgres://unsaid.example/d"),
        ("PGSTREAM_PROFILE_HERE_URL", "postgres://127.0.0.1:5999/d"),
        ("PGSTREAM_PROFILE_EMPTY_URL", " "),
        ("DATABASE_URL", "postgres://other.example/d"),
    ]))
    .expect("all of it is fine");
    let found: Vec<(&str, Class)> = profiles.iter().map(|p| (p.name(), p.class())).collect();
    let expected = [
        ("dev", Class::Dev),
        ("eu_west", Class::Staging),
        ("here", Class::Dev),
        ("local", Class::Local),
        ("production", Class::Production),
        ("staging", Class::Staging),
        // What is elsewhere and has no class is not taken lightly.
        ("unsaid", Class::Production),
    ];
    assert_eq!(found, expected);
    assert_eq!(profiles.get("EU-West").map(Profile::name), Some("eu_west"));
}

#[test]
fn the_environment_wins_over_a_named_file_and_that_over_a_found_one() {
    let found = file(
        "A_X=1\nDEV_DATABASE_URL=postgres://found/d\nLOCAL_DATABASE_URL=postgres://found/d\nSTAGING_DATABASE_URL=postgres://found/d",
    );
    let named = file("DEV_DATABASE_URL=postgres://named/d\nLOCAL_DATABASE_URL=postgres://named/d");
    let profiles =
        Profiles::load(&env(&[("DEV_DATABASE_URL", "postgres://process/d")]), Some(&named), Some(&found)).expect("fine");
    let host = |name| profiles.resolve(name).expect(name).config().to_string();
    assert_eq!([host("dev"), host("local"), host("staging")], ["me@process:5432/d", "me@named:5432/d", "me@found:5432/d"]);
}

#[test]
fn what_loosens_the_guard_does_not_count_from_a_found_file() {
    let text = "STAGING_DATABASE_URL=postgres://s/d\nSTAGING_ALLOW_WRITES=true\nPGSTREAM_ALLOWED_TARGETS=s\n\
                PRODUCTION_DATABASE_URL=postgres://p/d\nPGSTREAM_PROFILE_PRODUCTION_CLASS=dev\n\
                DEV_DATABASE_URL=postgres://d/d\nPGSTREAM_PROFILE_DEV_CLASS=production\n\
                PGSTREAM_PROFILE_QA_URL=postgres://q/d\nPGSTREAM_PROFILE_QA_CLASS=dev";
    let found = Profiles::load(&env(&[]), None, Some(&file(text))).expect("fine");
    assert!(!found.get("staging").expect("it is there").allows_writes());
    assert_eq!(*found.allowed_targets(), AllowedTargets::default());
    assert_eq!(["production", "dev", "qa"].map(|n| class_of(&found, n)), [Class::Production; 3]);
    assert_eq!(found.warnings().len(), 4, "{:?}", found.warnings());

    let named = Profiles::load(&env(&[]), Some(&file(text)), None).expect("fine");
    assert!(named.get("staging").expect("it is there").allows_writes());
    assert_ne!(*named.allowed_targets(), AllowedTargets::default());
    assert_eq!(["production", "dev", "qa"].map(|n| class_of(&named, n)), [Class::Dev, Class::Production, Class::Dev]);
    assert!(named.warnings().is_empty(), "{:?}", named.warnings());
}

#[test]
fn values_that_cannot_be_understood_are_errors() {
    let cases = [
        ("PGSTREAM_PROFILE_LOCAL_CLASS", "prd"),
        ("LOCAL_ALLOW_WRITES", "maybe"),
        ("PGSTREAM_ALLOWED_TARGETS", "*"),
        ("PGSTREAM_PROFILE_LOCAL_URL", "postgres://other/d"),
    ];
    for (name, value) in cases {
        let result = Profiles::from_env(&env(&[("LOCAL_DATABASE_URL", "postgres://localhost/d"), (name, value)]));
        assert!(matches!(result, Err(GuardError::Profile { .. })), "{name}: {result:?}");
    }
}

#[test]
fn a_typo_lists_the_profiles_and_suggests_one() {
    let profiles =
        Profiles::from_env(&env(&[("STAGING_DATABASE_URL", "postgres://s/d"), ("DEV_DATABASE_URL", "postgres://d/d")]));
    let error = profiles.expect("fine").resolve("stagign").expect_err("a typo");
    assert_eq!(error.to_string(), "there is no profile \"stagign\"; there are: dev, staging");
    assert!(error.hint().contains("Did you mean staging?"), "{}", error.hint());
}

#[test]
fn texts_are_resolved_to_a_profile_or_a_connection_string() {
    let profiles = Profiles::from_env(&env(&[("LOCAL_DATABASE_URL", "postgres://localhost/d")])).expect("fine");
    let cases = [
        ("local", Some((Some("local"), "me@localhost:5432/d"))),
        ("Local ", Some((Some("local"), "me@localhost:5432/d"))),
        ("postgres://x@h:1/e", Some((None, "x@h:1/e"))),
        ("host=h dbname=e", Some((None, "me@h:5432/e"))),
        ("", None),
        ("e", None),
    ];
    for (text, expected) in cases {
        let resolved = profiles.resolve(text).ok();
        let found = resolved.as_ref().map(|d| (d.profile(), d.config().to_string()));
        assert_eq!(found, expected.map(|(profile, shown)| (profile, shown.to_owned())), "{text:?}");
    }
}

#[test]
fn no_url_and_no_piece_of_one_is_ever_shown() {
    let vars = [("STAGING_DATABASE_URL", "postgres://u:secret@s/d"), ("DEV_DATABASE_URL", "postgres://u:secret@[/d")];
    let profiles = Profiles::from_env(&env(&vars)).expect("URLs are understood when they are used");
    let broken = profiles.resolve("dev").expect_err("an open bracket");
    let typo = profiles.resolve("u:secret@s/d").expect_err("no URL and no name");
    let shown = format!("{profiles:?} {:?} {broken} {broken:?} {typo} {typo:?}", profiles.resolve("staging"));
    assert!(!shown.contains("secret"), "{shown}");
}

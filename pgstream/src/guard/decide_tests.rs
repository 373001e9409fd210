use super::*;
use crate::connection::Environment;
use crate::guard::same_database::Difference;

const VARS: [(&str, &str); 5] = [
    ("PRODUCTION_DATABASE_URL", "postgres://u:secret@p.example/shop"),
    ("STAGING_DATABASE_URL", "postgres://u:secret@s.example/postgres"),
    ("PGSTREAM_PROFILE_STAGING_ALLOW_WRITES", "true"),
    ("LOCAL_DATABASE_URL", "postgres://u@localhost/shop"),
    ("PGSTREAM_ALLOWED_TARGETS", "127.0.0.1:5555"),
];

fn profiles() -> Profiles {
    let env = VARS.iter().fold(Environment::empty().with_os_user("me"), |env, (k, v)| env.with(*k, *v));
    Profiles::from_env(&env).expect("all of it is fine")
}

fn identity() -> DatabaseIdentity {
    DatabaseIdentity {
        system_identifier: Some("1".into()),
        database_oid: 5,
        database_name: "shop".into(),
        server_version: "18.1".into(),
        is_in_recovery: false,
        server_address: None,
        class_mark: None,
        has_protected_neighbour: false,
        hosting_mark: None,
        is_pooled: false,
    }
}

fn earlier(system: Option<&str>, oid: u32) -> RememberedIdentity {
    let mut found = RememberedIdentity::new("production", Class::Production, &identity());
    found.system_identifier = system.map(str::to_owned);
    found.database_oid = oid;
    found
}

fn rule<T>(result: Result<T, GuardError>) -> Option<&'static str> {
    result.err().map(|e| e.rule().map_or(e.code().as_str(), GuardRule::as_str))
}

#[test]
fn a_protected_name_needs_permission_and_the_exact_words() {
    let profiles = profiles();
    let cases = [
        ("production", None, Some("protected_profile")),
        // Not allowed for this profile, whatever is confirmed.
        ("production", Some("production/shop"), Some("protected_profile")),
        ("staging", None, Some("protected_profile")),
        ("staging", Some("staging"), Some("protected_profile")),
        ("staging", Some("staging/other"), Some("protected_profile")),
        ("staging", Some("production/postgres"), Some("protected_profile")),
        ("staging", Some("staging/Postgres"), Some("protected_profile")),
        ("staging", Some("staging/postgres"), None),
        ("staging", Some(" Staging/postgres"), None),
        ("local", None, None),
        ("postgres://s.example/other", None, None),
    ];
    for (target, confirm, expected) in cases {
        let target = profiles.resolve(target).expect(target);
        assert_eq!(rule(by_name(&target, &profiles, confirm)), expected, "{target:?} {confirm:?}");
    }
}

#[test]
fn the_refusal_prints_the_words_to_repeat() {
    let profiles = profiles();
    let refusal = |name| by_name(&profiles.resolve(name).expect(name), &profiles, None).expect_err("it is protected");
    let staging = refusal("staging");
    assert!(staging.hint().contains("--confirm staging/postgres"), "{}", staging.hint());
    assert!(!staging.hint().contains("ALLOW_WRITES"), "{}", staging.hint());
    let production = refusal("production").hint();
    assert!(production.contains("PGSTREAM_PROFILE_PRODUCTION_ALLOW_WRITES=true"), "{production}");
    assert!(production.contains("--confirm production/shop"), "{production}");
    assert!(!format!("{staging} {staging:?}").contains("secret"));
}

#[test]
fn a_profile_without_a_class_says_which_variable_is_missing() {
    let env = Environment::empty().with_os_user("me").with("PGSTREAM_PROFILE_QA_URL", "postgres://qa.example/d");
    let profiles = Profiles::from_env(&env).expect("it is fine");
    let error = by_name(&profiles.resolve("qa").expect("it is there"), &profiles, None).expect_err("it counts as production");
    assert!(error.to_string().contains("PGSTREAM_PROFILE_QA_CLASS is not set"), "{error}");
}

#[test]
fn a_protected_address_is_refused_under_every_spelling() {
    let profiles = profiles();
    let cases = [
        ("postgres://other@P.EXAMPLE./shop", None, Some("protected_address")),
        ("host=x.example,p.example dbname=shop user=u", None, Some("protected_address")),
        ("postgres://p.example/other", None, None),
        ("postgres://p.example:6432/shop", None, None),
        ("postgres://s.example/postgres", None, Some("protected_address")),
        ("postgres://s.example/postgres", Some("staging/postgres"), None),
        ("postgres://src.example/d", None, Some("source_is_target")),
    ];
    let source = profiles.resolve("postgres://src.example/d").expect("a URL");
    for (target, confirm, expected) in cases {
        let named = profiles.resolve(target).expect(target);
        assert_eq!(rule(by_spelling(&named, Some(&source), &profiles, confirm)), expected, "{target} {confirm:?}");
    }
}

#[test]
fn a_hosting_service_behind_a_local_address_has_to_be_listed() {
    let profiles = profiles();
    let hosted = DatabaseIdentity { hosting_mark: Some("rds.superuser_variables".into()), ..identity() };
    let cases = [
        ("postgres://localhost/d", &hosted, Some("hosted_service")),
        ("postgres://127.0.0.1:5555/d", &hosted, None),
        ("postgres://localhost/d", &identity(), None),
    ];
    for (target, identity, expected) in cases {
        let named = profiles.resolve(target).expect(target);
        assert_eq!(rule(by_hosting(&named, identity, &profiles)), expected, "{target}");
    }
}

#[test]
fn a_mark_protects_unless_as_much_was_permitted() {
    let profiles = profiles();
    let target = profiles.resolve("local").expect("it is there");
    let cases = [
        (None, None, None),
        (Some(Class::Dev), None, None),
        (Some(Class::Staging), None, Some("marked_database")),
        (Some(Class::Production), Some(Class::Staging), Some("marked_database")),
        (Some(Class::Staging), Some(Class::Production), None),
        (Some(Class::Production), Some(Class::Production), None),
    ];
    for (class_mark, permitted, expected) in cases {
        let identity = DatabaseIdentity { class_mark, ..identity() };
        assert_eq!(rule(by_mark(&target, &identity, permitted)), expected, "{class_mark:?} {permitted:?}");
    }
}

#[test]
fn an_unreachable_profile_is_judged_by_what_is_remembered() {
    let profiles = profiles();
    let (target, identity) = (profiles.resolve("local").expect("it is there"), identity());
    let accept = ["production".to_owned()];
    type Case<'a> = (&'a str, Vec<RememberedIdentity>, bool, Result<Cluster, &'a str>);
    let cases: [Case<'_>; 8] = [
        ("never identified", vec![], false, Err("guard_unidentified")),
        ("never identified, accepted", vec![], true, Ok(Cluster::MaybeSame)),
        ("equal", vec![earlier(Some("1"), 5)], false, Err("remembered_database")),
        ("equal, accepting does not help", vec![earlier(Some("1"), 5)], true, Err("remembered_database")),
        ("one of several is equal", vec![earlier(Some("2"), 5), earlier(Some("1"), 5)], false, Err("remembered_database")),
        ("another cluster", vec![earlier(Some("2"), 5)], false, Ok(Cluster::Other)),
        ("another database of the cluster", vec![earlier(Some("1"), 6)], false, Ok(Cluster::MaybeSame)),
        ("it did not tell then", vec![earlier(None, 5)], false, Err("guard_unidentified")),
    ];
    for (name, earlier, is_accepted, expected) in cases {
        let accept_unidentified = if is_accepted { &accept[..] } else { &[] };
        let profile = profiles.get("production").expect("it is there");
        let check = ProfileCheck { target: &target, identity: &identity, profile, accept_unidentified };
        let earlier: Vec<_> = earlier.iter().collect();
        let found = check.unreachable("timeout", &earlier);
        let cluster = found.as_ref().map(|n| n.cluster).ok();
        assert_eq!((cluster, rule(found)), (expected.ok(), expected.err()), "{name}");
    }
}

#[test]
fn profiles_are_confirmed_and_accepted_in_any_spelling() {
    let env = Environment::empty()
        .with_os_user("me")
        .with("PGSTREAM_PROFILE_MY_SHOP_URL", "postgres://u@p.example/shop")
        .with("PGSTREAM_PROFILE_MY_SHOP_ALLOW_WRITES", "true")
        .with("LOCAL_DATABASE_URL", "postgres://u@localhost/shop");
    let profiles = Profiles::from_env(&env).expect("all of it is fine");
    let (target, identity) = (profiles.resolve("local").expect("it is there"), identity());
    let profile = profiles.get("my-shop").expect("it is there");
    for name in ["my_shop", "my-shop", "My-Shop", "MY_SHOP"] {
        assert!(is_permitted(profile, "shop", Some(&format!("{name}/shop"))), "{name}");
        let accepted = [name.to_owned()];
        let check = ProfileCheck { target: &target, identity: &identity, profile, accept_unidentified: &accepted };
        assert_eq!(rule(check.unreachable("timeout", &[])), None, "{name}");
    }
    for words in ["myshop/shop", "my_shop/SHOP", "my_shop", "/shop", "my_shop/", ""] {
        assert!(!is_permitted(profile, "shop", Some(words)), "{words}");
    }
}

#[test]
fn a_reachable_profile_is_judged_by_what_it_is_and_by_what_it_was() {
    let profiles = profiles();
    let (target, identity) = (profiles.resolve("local").expect("it is there"), identity());
    let profile = profiles.get("production").expect("it is there");
    let check = ProfileCheck { target: &target, identity: &identity, profile, accept_unidentified: &[] };
    let (was_this, was_another) = (earlier(Some("1"), 5), earlier(Some("3"), 5));
    let other = || Verdict::Different(Difference::OtherCluster);
    let cases = [
        ("the same", Verdict::Same("a lock"), vec![], Err("protected_database")),
        ("not to be told", Verdict::Unknown("a pooler".into()), vec![], Err("guard_unidentified")),
        ("another cluster", other(), vec![&was_another], Ok(false)),
        ("another cluster now, this one before", other(), vec![&was_this], Err("remembered_database")),
        ("a physical clone", Verdict::Different(Difference::PhysicalClone), vec![], Ok(true)),
        ("another database", Verdict::Different(Difference::OtherDatabase), vec![], Ok(true)),
    ];
    for (name, verdict, earlier, expected) in cases {
        let found = check.reached(verdict, &earlier);
        let has_note = found.as_ref().map(|n| n.note.is_some()).ok();
        assert_eq!((has_note, rule(found)), (expected.ok(), expected.err()), "{name}");
    }
}

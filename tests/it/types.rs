//! Every type of every server: how its values travel, and that they arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use futures_util::future::join_all;
use pgstream::sync::verify::{VerifyOptions, verify};
use pgstream::sync::{SyncOptions, plan};
use pgstream::{Proven, Run, Verify};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, fixtures};
use pgstream_tests::oracle;

use crate::syncing::{config, destination, must_sync};

/// A line of `tests/fixtures/types.txt`.
struct Listed {
    name: String,
    /// `binary` or `text`.
    format: String,
    /// SQL literals, each with the first major that reads it.
    values: Vec<(u32, String)>,
}

impl Listed {
    fn parse(line: &str) -> Self {
        let mut fields = line.split(" | ").map(str::to_owned);
        let mut field = || fields.next().unwrap_or_else(|| panic!("a name and a format: {line}"));
        let (name, format) = (field(), field());
        let value = |text: String| match text.split_once(':').map(|(since, rest)| (since.parse(), rest)) {
            Some((Ok(since), rest)) => (since, rest.to_owned()),
            _ => (0, text),
        };
        Self { name, format, values: fields.map(value).collect() }
    }

    fn values_for(&self, major: u32) -> Vec<&str> {
        self.values.iter().filter(|(since, _)| *since <= major).map(|(_, value)| value.as_str()).collect()
    }
}

fn listed() -> Vec<Listed> {
    let text = std::fs::read_to_string(fixtures().join("types.txt")).expect("the list is there");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Listed::parse).collect()
}

/// Types that columns can have and that are no arrays. Arrays travel as their elements do.
const TYPES: &str = "select typname from pg_catalog.pg_type
    where typnamespace = 'pg_catalog'::regnamespace and typtype not in ('c', 'p') and typsend <> 'pg_catalog.array_send'::regproc";

#[test]
fn every_type_of_every_server_is_listed() {
    let listed: Vec<String> = listed().into_iter().map(|listed| listed.name).collect();
    let of_list: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), of_list.len(), "a type is listed twice");
    for cluster in Cluster::all() {
        let of_server: BTreeSet<String> = cluster.admin(TYPES).into_iter().flatten().flatten().collect();
        let unlisted: Vec<&String> = of_server.difference(&of_list).collect();
        assert_eq!(unlisted, Vec::<&String>::new(), "review these types of {} and add them to types.txt", cluster.major());
        if cluster.major() == 18 {
            assert_eq!(of_list, of_server, "left: types.txt, right: the server");
        }
    }
}

/// Types that users and extensions make, each with how it travels and values.
const MADE: &str = "
    create schema tools; create extension hstore with schema tools;
    create type mood as enum ('sad', 'it''s ok', 'happy');
    create type pair as (a int, b text);
    create type span as range (subtype = int4);
    create domain small as int4 check (value < 100);
    create domain smaller as small check (value < 10);
    create domain numbers as int4[];
    create domain feeling as mood;
    create domain tags as tools.hstore;
    create domain day as pg_catalog.date;";
const MADE_TYPES: [(&str, &str, &[&str]); 14] = [
    ("mood", "binary", &["'sad'", "'it''s ok'"]),
    ("mood[]", "text", &["'{}'", "'[-1:0]={sad,NULL}'", "'{{sad},{happy}}'"]),
    ("pair", "text", &["'(1,)'", "'(,\"a \"\"b\"\"\\\\\")'"]),
    ("pair[]", "text", &["'{\"(1,x)\",NULL}'"]),
    ("span", "text", &["'empty'", "'[1,)'"]),
    ("small", "binary", &["1", "-5"]),
    ("smaller", "text", &["1", "-5"]),
    ("small[]", "text", &["'{1,NULL}'"]),
    ("numbers", "binary", &["'{}'", "'[2:3]={1,NULL}'"]),
    ("feeling", "binary", &["'happy'"]),
    ("tools.hstore", "text", &["'a=>1,b=>NULL'", "''"]),
    ("tools.hstore[]", "text", &["'{\"a=>1\",NULL}'"]),
    ("tags", "text", &["'a=>1'"]),
    ("day", "binary", &["'infinity'"]),
];

/// A table that holds values of one type, with an absent one.
fn table(name: &str, type_name: &str, values: &[String]) -> String {
    let rows: Vec<String> = values.iter().enumerate().map(|(row, value)| format!("({row}, {value})")).collect();
    format!("create table \"{name}\" (id int, value {type_name}); insert into \"{name}\" values (-1, null)")
        + &rows.iter().map(|row| format!(", {row}")).collect::<String>()
        + ";\n"
}

/// Arrays of these values: none, all with an absent one, and two dimensions that do not begin at 1.
fn arrays(type_name: &str, values: &[&str]) -> Vec<String> {
    let all = values.iter().map(|value| format!("({value})::{type_name}")).collect::<Vec<_>>().join(", ");
    let last = values.len() as i64 - 2;
    vec![
        "'{}'".to_owned(),
        format!("array[{all}, null]::{type_name}[]"),
        format!("('[5:5][-1:{last}]=' || (array[array[{all}]]::{type_name}[])::text)::{type_name}[]"),
    ]
}

/// Tables of every type that a server knows, and how each has to travel.
fn tables_of_every_type(cluster: &Cluster) -> (String, BTreeMap<String, String>) {
    let known: BTreeSet<String> = cluster.admin(TYPES).into_iter().flatten().flatten().collect();
    // How a literal is understood must not follow from the server's locale.
    let (mut script, mut formats) = (format!("set lc_monetary = 'C'; set timezone = 'UTC';{MADE}\n"), BTreeMap::new());
    let mut in_text = (vec!["note xml".to_owned()], vec!["'text'".to_owned()]);
    let mut add = |name: String, type_name: &str, format: &str, values: &[String]| {
        script += &table(&name, type_name, values);
        formats.insert(name, format.to_owned());
    };
    for (type_name, format, values) in MADE_TYPES {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        add(format!("made {type_name}"), type_name, format, &values);
    }
    // What values of reg* types name has to be there first.
    let (names, others): (Vec<Listed>, Vec<Listed>) = listed().into_iter().partition(|listed| listed.name.starts_with("reg"));
    for listed in others.into_iter().chain(names).filter(|listed| known.contains(&listed.name)) {
        let (type_name, values) = (format!("pg_catalog.\"{}\"", listed.name), listed.values_for(cluster.major()));
        let owned: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        add(format!("v_{}", listed.name), &type_name, &listed.format, &owned);
        // What is internal has no arrays, and a vector is an array itself.
        if !values.is_empty() && !listed.name.ends_with("vector") || listed.name == "tsvector" {
            add(format!("a_{}", listed.name), &format!("{type_name}[]"), &listed.format, &arrays(&type_name, &values));
        }
        if let Some(first) = values.first() {
            in_text.0.push(format!("\"{}\" {type_name}", listed.name));
            in_text.1.push((*first).to_owned());
        }
    }
    // One table with a column that travels as text takes all the others along.
    write!(script, "create table wide ({}); insert into wide values ({});", in_text.0.join(", "), in_text.1.join(", "))
        .expect("a string takes text");
    formats.insert("wide".into(), "text".into());
    (script, formats)
}

/// Syncs every type of a server to the same and to the newest, and gives what went wrong.
async fn problems_of(cluster: Arc<Cluster>) -> Vec<String> {
    let (script, formats) = tables_of_every_type(&cluster);
    let source = TestDb::create(&cluster).await;
    source.execute(&script).await;
    let mut options = SyncOptions::default();
    options.verify = Verify::Checksum;
    let mut problems = Vec::new();
    let targets: BTreeSet<u32> = [cluster.major(), Cluster::newest().major()].into();
    for major in targets {
        let target = TestDb::create(&Cluster::for_major(major)).await;
        let what = format!("{} to {major}", cluster.major());
        let planned = plan(&config(&source.url()), &destination(&target.url()).await, &options, &Run::new()).await;
        let tables = planned.unwrap_or_else(|failure| panic!("{what}: {failure}")).tables;
        let found: BTreeMap<String, String> = tables.into_iter().map(|table| (table.name, table.format.to_owned())).collect();
        let differing = formats.iter().filter(|(name, format)| found.get(*name) != Some(format));
        problems.extend(differing.map(|(name, format)| format!("{what}: {name} has to travel as {format}")));
        let report = must_sync(&source.url(), &target.url(), &options).await;
        assert_eq!((report.proven, report.tables.len()), (Proven::Content, formats.len()), "{what}");
        let (left, right) = (source.url(), target.url());
        let differences = move || oracle::contents(&left).differences(&oracle::contents(&right));
        let differences = tokio::task::spawn_blocking(differences).await.expect("the oracle does not panic");
        // An extension may come in another version.
        problems
            .extend(differences.iter().filter(|line| !line.starts_with("- extension ")).map(|line| format!("{what}: {line}")));
    }
    problems
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_type_travels_as_listed_and_arrives() {
    let tasks = Cluster::all().into_iter().map(|cluster| tokio::spawn(problems_of(cluster)));
    let problems: Vec<String> = join_all(tasks).await.into_iter().flat_map(|found| found.expect("no task panics")).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test]
async fn a_type_that_an_extension_calls_an_array_is_none() {
    let source = TestDb::new().await;
    source
        .execute(
            "create schema tools; create extension hstore with schema tools; create type tools.fake;
             create function tools.fake_in(cstring) returns tools.fake immutable strict language internal as 'namein';
             create function tools.fake_out(tools.fake) returns cstring immutable strict language internal as 'nameout';
             create type tools.fake (input = tools.fake_in, output = tools.fake_out, like = name, element = int4, category = 'A');
             alter extension hstore add type tools.fake; create table t (value tools.fake)",
        )
        .await;
    let target = TestDb::new().await;
    let planned = plan(&config(&source.url()), &destination(&target.url()).await, &SyncOptions::default(), &Run::new()).await;
    let formats: Vec<&str> = planned.expect("it can be planned").tables.iter().map(|table| table.format).collect();
    assert_eq!(formats, ["text"]);
}

/// `"char"` beyond ASCII is its byte in the text of 13 and 14, and `\303` in that of later servers.
#[tokio::test]
async fn a_char_beyond_ascii_is_no_difference_between_majors() {
    for cluster in Cluster::all() {
        let (source, target) = (TestDb::create(&cluster).await, TestDb::new().await);
        source
            .execute(
                "create table letters (id int, one \"char\", more \"char\"[], \
                     same \"char\" generated always as (one) stored) partition by list (id);
                 create table letters_1 partition of letters for values in (1, 2);
                 insert into letters values (1, (-61)::\"char\", array['a', (-1)::\"char\", null]), (2, 'a', '{}');
                 create materialized view seen as select * from letters",
            )
            .await;
        let mut options = SyncOptions::default();
        options.verify = Verify::Checksum;
        assert_eq!(must_sync(&source.url(), &target.url(), &options).await.proven, Proven::Content);
        let compare = async || {
            let compared = verify(&config(&source.url()), &config(&target.url()), &VerifyOptions::default(), &Run::new()).await;
            let report = compared.expect("both can be read");
            (report.differences.iter().map(ToString::to_string).collect::<Vec<_>>(), report.stale)
        };
        assert_eq!(compare().await, (vec![], vec![]), "{}", cluster.major());
        target.execute("update letters set one = (-62)::\"char\" where id = 1").await;
        let named = ["public.letters has 2 rows in both, with other contents".to_owned()];
        assert_eq!(compare().await, (named.to_vec(), vec![]), "{}", cluster.major());
    }
}

/// Money makes the whole table travel as text, whose form settings decide: both ends are pinned.
#[tokio::test]
async fn settings_of_a_database_change_no_value() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t (a money, b date, c float8, d interval, e bytea, f timestamptz)").await;
    source.execute("set lc_monetary = 'C'; insert into t values (1234.5, '2020-02-01', 0.1, '-1 day 01:00', '\\x00ff', '2020-02-01 00:00+05')").await;
    for (db, settings) in [
        (&source, ["datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'", "bytea_output = 'escape'"]),
        (&target, ["datestyle = 'German'", "intervalstyle = 'iso_8601'", "extra_float_digits = 0"]),
    ] {
        for setting in settings.iter().chain(&["timezone = 'America/St_Johns'"]) {
            db.execute(&format!("alter database {} set {setting}", db.name())).await;
        }
    }
    let mut options = SyncOptions::default();
    options.verify = Verify::Checksum;
    assert_eq!(must_sync(&source.url(), &target.url(), &options).await.proven, Proven::Content);
    oracle::assert_same_contents(&source.url(), &target.url());
}

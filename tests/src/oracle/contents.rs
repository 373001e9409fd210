//! What a database holds, as numbers that the server computes.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::sql::{self, Rows, describe};

/// Facts about the data of a database, each under a name (`table public.t`, `sequence public.s`, `large object 16400` …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(pub BTreeMap<String, String>);

impl Contents {
    /// Facts that differ, one per line: `-` left, `+` right.
    pub fn differences(&self, right: &Self) -> Vec<String> {
        let mut names: Vec<&String> = self.0.keys().chain(right.0.keys()).collect();
        names.sort();
        names.dedup();
        let differing = names.into_iter().filter(|name| self.0.get(*name) != right.0.get(*name));
        let show = |fact: Option<&String>| fact.cloned().unwrap_or_else(|| "missing".into());
        differing.map(|name| format!("- {name}: {}\n+ {name}: {}", show(self.0.get(name)), show(right.0.get(name)))).collect()
    }

    /// The fact `table <schema>.<name>`: `<rows> rows, hash <sum>`.
    pub fn table(&self, name: &str) -> Option<&str> {
        self.0.get(&format!("table {name}")).map(String::as_str)
    }
}

/// Settings that a value's text depends on.
const PINNED: &str = "set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set timezone = 'UTC'; \
    set extra_float_digits = 3; set bytea_output = 'hex'; set search_path = ''; set lc_monetary = 'C'; set row_security = off; \
    set client_encoding = 'UTF8'; set default_transaction_read_only = on; set statement_timeout = 0";

/// Facts that need no look at each relation: extensions, populated materialized views, large objects.
const CATALOG_FACTS: &str = "
select 'extension ' || extname, extversion from pg_catalog.pg_extension;
select pg_catalog.format('materialized view %I.%I is populated', n.nspname, c.relname), c.relispopulated::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm';
select 'large object ' || m.oid
     , pg_catalog.concat_ws(' ', pg_catalog.md5(pg_catalog.lo_get(m.oid)), pg_catalog.pg_get_userbyid(m.lomowner)
         , (select pg_catalog.array_agg(a::text order by a::text) from pg_catalog.unnest(m.lomacl) a)
         , pg_catalog.obj_description(m.oid, 'pg_largeobject'))
  from pg_catalog.pg_largeobject_metadata m";

/// Statements that give a fact each: one per table, partition, populated materialized view and sequence that belongs to
/// the user. Rows are hashed by columns in attribute order, so physical leftovers of dropped columns do not matter.
const QUESTIONS: &str = r#"
select case c.relkind
       when 'S' then pg_catalog.format(
         'select %L, ''last value '' || last_value || '', is called '' || is_called from %I.%I',
         pg_catalog.format('sequence %I.%I', n.nspname, c.relname), n.nspname, c.relname)
       else pg_catalog.format(
         'select %L, count(*) || '' rows, hash '' || coalesce(sum(pg_catalog.hashtextextended('
           'pg_catalog.record_out(row(%s))::text collate "C", 0)::numeric), 0) from only %I.%I j$',
         pg_catalog.format('table %I.%I', n.nspname, c.relname),
         (select pg_catalog.string_agg(pg_catalog.format('j$.%I', a.attname), ', ' order by a.attnum)
            from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
         n.nspname, c.relname)
       end
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm', 'S') and c.relpersistence <> 't' and (c.relkind <> 'm' or c.relispopulated)
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (
         select from pg_catalog.pg_depend d
         join pg_catalog.pg_extension e on e.oid = d.refobjid
        where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e'
          and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          and not c.oid = any (coalesce(e.extconfig, '{}')))
 order by c.oid"#;

/// How many questions go to the server at once.
const BATCH: usize = 200;

/// Collects the facts about a database. Tables are read whole; meant for test data.
///
/// # Panics
/// If the database cannot be read.
pub fn contents(url: &str) -> Contents {
    sql::blocking(async {
        let client = sql::connect(url).await.unwrap_or_else(|e| panic!("could not connect: {}", describe(&e)));
        ask(&client, PINNED).await;
        let mut facts = BTreeMap::new();
        keep(&mut facts, ask(&client, CATALOG_FACTS).await);
        let questions: Vec<String> = ask(&client, QUESTIONS).await.into_iter().flatten().flatten().collect();
        for batch in questions.chunks(BATCH) {
            keep(&mut facts, ask(&client, &batch.join(";\n")).await);
        }
        Contents(facts)
    })
}

fn keep(facts: &mut BTreeMap<String, String>, rows: Rows) {
    for row in rows {
        let mut values = row.into_iter().map(|value| value.unwrap_or_else(|| "NULL".into()));
        facts.insert(values.next().unwrap_or_default(), values.next().unwrap_or_default());
    }
}

async fn ask(client: &Client, question: &str) -> Rows {
    sql::query_text(client, question).await.unwrap_or_else(|e| panic!("{question}: {}", describe(&e)))
}

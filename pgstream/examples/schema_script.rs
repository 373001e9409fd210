//! Development aid: prints the schema of a database, entry by entry, for comparison with `pg_dump --schema-only`.
use pgstream::catalog::read;
use pgstream::connection::{Connection, ConnectionConfig, Environment};
use pgstream::export::plan::table_of_contents;
use pgstream::ordering;
use tokio_postgres::types::Type;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).expect("usage: schema_script URL");
    let connection =
        Connection::open(&ConnectionConfig::parse(&url, &Environment::from_process()).expect("url")).await.expect("connect");
    connection
        .batch("begin isolation level repeatable read, read only; set search_path = ''; set extra_float_digits = 3")
        .await
        .expect("begin");
    let sql = "select c.oid from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r','p','v','m','S','c','f') and nspname !~ '^pg_' and nspname <> 'information_schema' and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') and $1";
    let rows = connection.query(sql, &[(&true, Type::BOOL)]).await.expect("relations");
    let relations: Vec<u32> = rows.iter().map(|r| r.get(0)).collect();
    let catalog = read(&connection, &relations).await.expect("read");
    let ordered = ordering::order(&catalog);
    for unresolved in &ordered.unresolved {
        eprintln!("cannot order {unresolved}");
    }
    let order: Vec<_> = ordered.order.into_iter().filter(|id| !catalog.members.contains_key(id)).collect();
    for e in table_of_contents(&catalog, &order, &ordered.repairs).entries {
        if e.data.is_some() {
            continue;
        }
        let schema = e.schema.as_deref().unwrap_or("-");
        println!("--\n-- Name: {}; Type: {}; Schema: {schema}; Owner: {}\n--\n", e.tag, e.desc, e.owner.as_deref().unwrap_or(""));
        println!("{}\n", e.create);
        if !e.set_owner.is_empty() {
            println!("{}", e.set_owner);
        }
    }
}

-- Wanted tables that somebody else holds exclusively. No pid: a prepared transaction holds it.
-- $1  oid[]  tables
select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name
     , l.pid                                                                          as pid
  from pg_catalog.pg_locks l
  join pg_catalog.pg_class c on c.oid = l.relation
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.granted
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and l.relation = any ($1::oid[])
   and l.pid is distinct from pg_catalog.pg_backend_pid()
 order by 1, 2

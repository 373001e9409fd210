-- Ends the other sessions that hold the lock of a writing run on its fence; the schema's name is appended.
select pg_catalog.pg_terminate_backend(l.pid)                    as is_ended
  from pg_catalog.pg_locks l
  join pg_catalog.pg_class c on c.oid = l.relation
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where l.locktype = 'relation'
   and l.mode = 'RowShareLock'
   and l.granted
   and l.pid <> pg_catalog.pg_backend_pid()
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and c.relname ~ '^run_'

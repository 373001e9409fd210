-- Ends sessions that hold an advisory lock of this database for writing; which of them is appended.
select pg_catalog.pg_terminate_backend(l.pid)                    as is_ended
  from pg_catalog.pg_locks l
 where l.locktype = 'advisory'
   and l.granted
   and l.objsubid = 1
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())

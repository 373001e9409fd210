-- Who holds an advisory lock of this database for writing.
select pg_catalog.format('pid %s, application %s', a.pid, a.application_name)   as what
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory'
   and l.granted
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
 order by a.backend_start
 limit 1

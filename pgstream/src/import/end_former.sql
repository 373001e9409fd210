-- Ends a session of ours that lost its connection; which one is appended. A process number may be another's by now, so the time
-- of its start must be the one that we saw.
select pg_catalog.pg_terminate_backend(a.pid)                    as is_ended
  from pg_catalog.pg_stat_activity a
 where a.datname = pg_catalog.current_database()

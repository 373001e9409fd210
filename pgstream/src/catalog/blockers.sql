-- The first session that is in the way of another.
-- $1  int4  the server process that waits
select a.pid                                                     as pid
     , pg_catalog.format('pid %s (user %s, application %s, %s since %s)', a.pid, a.usename, a.application_name, a.state
                        , pg_catalog.date_trunc('second', a.xact_start))  as what
  from unnest(pg_catalog.pg_blocking_pids($1)) as blocking(pid)
  join pg_catalog.pg_stat_activity a on a.pid = blocking.pid
 order by a.xact_start
 limit 1

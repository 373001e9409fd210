-- Sessions that wait for a lock which one of ours holds, and how long the oldest of ours holds back vacuum.
-- $1  text  application_name of our sessions
select w.pid                                                            as pid
     , pg_catalog.format('pid %s (user %s, application %s)', w.pid, w.usename, w.application_name) as what
     , extract(epoch from pg_catalog.clock_timestamp() - w.query_start)::int8 as seconds
  from pg_catalog.pg_stat_activity w
 where w.wait_event_type = 'Lock'
   and w.application_name <> $1
   and exists ( select
                  from unnest(pg_catalog.pg_blocking_pids(w.pid)) as blocking(pid)
                  join pg_catalog.pg_stat_activity ours on ours.pid = blocking.pid
                 where ours.application_name = $1 )
 order by w.query_start, w.pid

-- What our sessions in the target are at: how far an index is, and who is in their way.
-- $1  text  application_name of our sessions
select a.pid                                                            as pid
     , case when p.phase like 'building index: loading%'
            then 0.6 + 0.4 * p.tuples_done / greatest(p.tuples_total, 1)
            when p.phase like 'building index%'
            then 0.6 * p.blocks_done / greatest(p.blocks_total, 1)
            else 0
       end::float8                                                      as fraction
     , ( select pg_catalog.format('pid %s (user %s, application %s)', b.pid, b.usename, b.application_name)
           from unnest(pg_catalog.pg_blocking_pids(a.pid)) as blocking(pid)
           join pg_catalog.pg_stat_activity b on b.pid = blocking.pid
          where a.wait_event_type = 'Lock'
            and b.application_name <> $1
          order by b.pid
          limit 1 )                                                     as blocker
     , ( select min(b.pid)
           from unnest(pg_catalog.pg_blocking_pids(a.pid)) as blocking(pid)
           join pg_catalog.pg_stat_activity b on b.pid = blocking.pid
          where a.wait_event_type = 'Lock'
            and b.application_name <> $1 )                              as blocker_pid
  from pg_catalog.pg_stat_activity a
  left join pg_catalog.pg_stat_progress_create_index p on p.pid = a.pid
 where a.application_name = $1
   and a.datname = pg_catalog.current_database()
 order by a.pid

-- Event triggers that are switched on, and when: O in ordinary sessions, R in replica sessions, A always.
select e.evtname::text as name
     , e.evtenabled    as enabled
  from pg_catalog.pg_event_trigger e
 where e.evtenabled <> 'D'
 order by 1

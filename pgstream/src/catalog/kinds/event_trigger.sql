-- Event triggers.
select e.oid                                       as oid
     , e.evtname                                   as name
     , pg_catalog.pg_get_userbyid(e.evtowner)      as owner
     , e.evtevent                                  as event
     , e.evtenabled                                as state
     , e.evttags                                   as tags
     , e.evtfoid::pg_catalog.regproc::text         as function
  from pg_catalog.pg_event_trigger e
 where e.oid >= 16384
 order by e.evtname

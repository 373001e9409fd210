-- Access methods that users made.
select a.oid                                  as oid
     , a.amname                               as name
     , a.amtype                               as type
     , a.amhandler::pg_catalog.regproc::text  as handler
  from pg_catalog.pg_am a
 where a.oid >= 16384
 order by a.amname

-- Extensions, but for those that every new database has.
select e.oid                                                     as oid
     , e.extname                                                 as name
     , n.nspname                                                 as installed_in
  from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace
 where e.oid >= 16384
 order by e.extname

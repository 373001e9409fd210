-- Extensions of the source and their versions.
select e.extname::text    as name
     , e.extversion       as version
  from pg_catalog.pg_extension e
 order by 1

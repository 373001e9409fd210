-- Extensions that indexes were made to depend on.
-- $1  oid[]  relations that are held
select i.indexrelid                                                 as index
     , e.extname                                                    as extension
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_index i on i.indrelid = held.oid
  join pg_catalog.pg_depend d
    on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid
   and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'x'
  join pg_catalog.pg_extension e on e.oid = d.refobjid
 order by i.indexrelid, e.extname

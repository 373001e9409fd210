-- Comments on users' objects, on large objects (whose oids anybody may choose), on the columns of users' relations, on extensions and on the schema public.
select d.classoid                         as class
     , d.objoid                           as oid
     , d.objsubid                         as column_number
     , d.description                      as comment
  from pg_catalog.pg_description d
 where d.objoid >= 16384
    or d.classoid = 'pg_catalog.pg_largeobject'::regclass
 union all
select d.classoid, d.objoid, d.objsubid, d.description
  from pg_catalog.pg_description d
  join pg_catalog.pg_namespace n on n.oid = d.objoid
 where d.classoid = 'pg_catalog.pg_namespace'::regclass
   and d.objsubid = 0
   and n.nspname = 'public'
   and n.oid < 16384
   and d.description <> 'standard public schema'
 order by 1, 2, 3

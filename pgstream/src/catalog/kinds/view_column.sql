-- Privileges of the columns of views and materialized views.
-- $1  oid[]  relations that are held
select c.oid                                                     as relation
     , a.attname                                                 as name
     , a.attacl::text[]                                          as acl
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind in ('v', 'm')
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where a.attacl is not null
 order by c.oid, a.attnum

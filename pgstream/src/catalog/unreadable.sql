-- Tables that this role may not read.
-- $1  oid[]  tables that are to be read
select pg_catalog.quote_ident(current_user)                         as role
     , n.nspname                                                    as schema
     , c.relname                                                    as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = any ($1::oid[])
   and not (pg_catalog.has_schema_privilege(n.oid, 'USAGE') and pg_catalog.has_table_privilege(c.oid, 'SELECT'))
 order by n.nspname, c.relname

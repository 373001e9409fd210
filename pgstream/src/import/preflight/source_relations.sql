-- Wanted tables and sequences that this role cannot read, or of which row security would hide rows.
-- $1  oid[]  tables
-- $2  oid[]  sequences
select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name
     , not (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            and case c.relkind when 'S' then pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                               else pg_catalog.has_table_privilege(c.oid, 'SELECT') end)  as is_unreadable
     , c.relkind <> 'S' and pg_catalog.row_security_active(c.oid)                          as is_filtered
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = any ($1::oid[] || $2::oid[])
   and (c.relkind <> 'S' and pg_catalog.row_security_active(c.oid)
        or not pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        or not case c.relkind when 'S' then pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                              else pg_catalog.has_table_privilege(c.oid, 'SELECT') end)
 order by 1

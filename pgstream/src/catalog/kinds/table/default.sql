-- Defaults and generation expressions of the columns of tables, of their parents, and of views.
-- $1  oid[]  relations that are held
select d.oid                                                        as oid
     , d.adrelid                                                    as relation
     , d.adnum                                                      as number
     , pg_catalog.pg_get_expr(d.adbin, d.adrelid)                   as expression
     , c.relkind                                                    as relkind
     , n.nspname                                                    as schema
     , c.relname                                                    as name
     , a.attname                                                    as column_name
     , pg_catalog.pg_get_userbyid(c.relowner)                       as owner
  from ( select held.oid
           from unnest($1::oid[]) as held(oid)
          union
         select i.inhparent
           from unnest($1::oid[]) as held(oid)
           join pg_catalog.pg_inherits i on i.inhrelid = held.oid ) as described(oid)
  join pg_catalog.pg_class c on c.oid = described.oid and c.relkind in ('r', 'p', 'f', 'v')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attrdef d on d.adrelid = c.oid
  join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
 order by d.adrelid, d.adnum

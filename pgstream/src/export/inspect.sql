-- What the wanted relations take, and whether this role may read them.
-- $1  oid[]  relations
select c.oid                                                        as oid
     , c.relkind                                                    as relkind
     , c.reltuples::float8                                          as estimated_rows
     , pg_catalog.pg_total_relation_size(c.oid)                     as total_bytes
     , pg_catalog.pg_table_size(c.oid)                              as table_bytes
     , case when c.relkind = 'S' then pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
            else pg_catalog.has_table_privilege(c.oid, 'SELECT') end as is_readable
     , c.relrowsecurity and not coalesce((select r.rolsuper or r.rolbypassrls
                                            from pg_catalog.pg_roles r where r.rolname = current_user), false)
       and (c.relforcerowsecurity or not pg_catalog.pg_has_role(c.relowner, 'USAGE')) as is_row_restricted
  from unnest($1::oid[]) as wanted(oid)
  join pg_catalog.pg_class c on c.oid = wanted.oid
 order by c.oid

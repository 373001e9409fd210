-- Indexes of tables and materialized views. Those that are not ready, or not valid on an unpartitioned table, do not count.
-- $1  oid[]  relations that are held
select i.indexrelid                                                 as oid
     , n.nspname                                                    as schema
     , c.relname                                                    as name
     , pg_catalog.pg_get_userbyid(t.relowner)                       as owner
     , t.oid                                                        as table_oid
     , table_schema.nspname                                         as table_schema
     , t.relname                                                    as table_name
     , case when con.oid is null then pg_catalog.pg_get_indexdef(i.indexrelid) end as definition
     , con.oid                                                      as constraint_oid
     , d.objoid is not null                                         as is_commented
     , i.indisclustered                                             as is_clustered
     , i.indisreplident                                             as is_replica_identity
     , coalesce(s.spcname, '')                                      as tablespace
     , parent.oid                                                   as parent_oid
     , parent_schema.nspname                                        as parent_schema
     , parent.relname                                               as parent_name
     , parent_constraint.oid                                        as parent_constraint_oid
     , parent_index.indrelid                                        as parent_table_oid
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class t on t.oid = held.oid and t.relkind in ('r', 'p', 'm')
  join pg_catalog.pg_namespace table_schema on table_schema.oid = t.relnamespace
  join pg_catalog.pg_index i on i.indrelid = t.oid and (i.indisvalid or t.relkind = 'p') and i.indisready
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_constraint con
         on con.conindid = i.indexrelid and con.conrelid = i.indrelid and con.contype in ('p', 'u', 'x')
  left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
  left join pg_catalog.pg_inherits h on h.inhrelid = i.indexrelid
  left join pg_catalog.pg_index parent_index on parent_index.indexrelid = h.inhparent
  left join pg_catalog.pg_class parent on parent.oid = parent_index.indexrelid
  left join pg_catalog.pg_namespace parent_schema on parent_schema.oid = parent.relnamespace
  left join pg_catalog.pg_constraint parent_constraint
         on parent_constraint.conindid = parent_index.indexrelid
        and parent_constraint.conrelid = parent_index.indrelid and parent_constraint.contype in ('p', 'u', 'x')
  left join pg_catalog.pg_description d
         on d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = i.indexrelid and d.objsubid = 0
 order by n.nspname, c.relname

-- Plain and partitioned tables, partitions included.
-- $1  oid[]  relations that are held
with recursive
     -- Partitioned tables whose key hashes an enum, and all partitions below them.
     enum_hashed(oid) as (
         select p.partrelid
           from pg_catalog.pg_partitioned_table p
          where (select o.oid
                   from pg_catalog.pg_opclass o
                   join pg_catalog.pg_am m on m.oid = o.opcmethod
                  where o.opcname = 'enum_ops'
                    and o.opcnamespace = 'pg_catalog'::regnamespace
                    and m.amname = 'hash') = any (p.partclass)
          union
         select i.inhrelid
           from enum_hashed e
           join pg_catalog.pg_inherits i on i.inhparent = e.oid
     )
select c.oid                                                        as oid
     , n.nspname                                                    as schema
     , c.relname                                                    as name
     , pg_catalog.pg_get_userbyid(c.relowner)                       as owner
     , c.relacl::text[]                                             as acl
     , pg_catalog.acldefault('r', c.relowner)::text[]               as baseline
     , c.relkind                                                    as relkind
     , c.relpersistence                                             as persistence
     , c.relispartition                                             as is_partition
     , pg_catalog.pg_get_expr(c.relpartbound, c.oid)                as bound
     , case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end            as partition_key
     , case when c.reloftype <> 0 then pg_catalog.format_type(c.reloftype, null) end     as of_type
     , c.reloptions                                                 as options
     , toast.reloptions                                             as toast_options
     , c.relreplident                                               as replica_identity
     , c.relrowsecurity                                             as has_row_security
     , c.relforcerowsecurity                                        as forces_row_security
     , coalesce(s.spcname, '')                                      as tablespace
     , m.amname                                                     as access_method
     , c.relpages::int8 + coalesce(toast.relpages, 0)               as pages
     , case when c.relkind = 'r'
            then coalesce(pg_catalog.pg_relation_size(c.oid), 0)
               + coalesce(pg_catalog.pg_relation_size(toast.oid), 0)
            else 0
       end                                                          as bytes
     , root.oid                                                     as root_oid
     , root_schema.nspname                                          as root_schema
     , root.relname                                                 as root_name
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_class toast on toast.oid = c.reltoastrelid
  left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
  left join pg_catalog.pg_am m on m.oid = c.relam
  left join enum_hashed e on e.oid = c.oid and c.relispartition
  left join pg_catalog.pg_class root on root.oid = case when e.oid is not null then pg_catalog.pg_partition_root(c.oid) end
  left join pg_catalog.pg_namespace root_schema on root_schema.oid = root.relnamespace
 order by n.nspname, c.relname

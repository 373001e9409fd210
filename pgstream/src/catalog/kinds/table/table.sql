-- Plain and partitioned tables, partitions included.
-- $1  oid[]  relations that are held
with recursive
     -- The types that partition keys hash, and what values of these are made of.
     hashed_type(relation, oid) as (
         select p.partrelid, a.atttypid
           from pg_catalog.pg_partitioned_table p
          cross join lateral unnest(p.partattrs::int2[]) as key(number)
           join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and a.attnum = key.number
          where p.partstrat = 'h'
          union
         select h.relation, part.oid
           from hashed_type h
           join pg_catalog.pg_type t on t.oid = h.oid
          cross join lateral (
                select t.typbasetype
                 union all
                select t.typelem
                 union all
                select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid
                 union all                                                                      -- @since 14
                select r.rngsubtype from pg_catalog.pg_range r where r.rngmultitypid = t.oid    -- @since 14
                 union all
                select a.atttypid
                  from pg_catalog.pg_attribute a
                 where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                ) as part(oid)
          where part.oid <> 0
     ),
     -- Partitioned tables whose key hashes oids, which differ in the target: those of an enum's labels, and what the values of
     -- regclass and its like are. A key that is an expression is judged by its operator class.
     oid_hashed(oid) as (
         select h.relation
           from hashed_type h
           join pg_catalog.pg_type t on t.oid = h.oid
          where t.typtype = 'e'
             or t.typnamespace = 'pg_catalog'::regnamespace and t.typname like 'reg%'
          union
         select p.partrelid
           from pg_catalog.pg_partitioned_table p
          where (select o.oid
                   from pg_catalog.pg_opclass o
                   join pg_catalog.pg_am m on m.oid = o.opcmethod
                  where o.opcname = 'enum_ops'
                    and o.opcnamespace = 'pg_catalog'::regnamespace
                    and m.amname = 'hash') = any (p.partclass)
     ),
     -- All partitions below one, each with the topmost one that it is below.
     below(oid, through) as (
         select h.oid, h.oid
           from oid_hashed h
          where not exists (select from pg_catalog.pg_partition_ancestors(h.oid) as above(oid)
                              join oid_hashed other on other.oid = above.oid
                             where above.oid <> h.oid)
          union
         select i.inhrelid, b.through
           from below b
           join pg_catalog.pg_inherits i on i.inhparent = b.oid
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
     , through_schema.nspname                                       as through_schema
     , through.relname                                              as through_name
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_class toast on toast.oid = c.reltoastrelid
  left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
  left join pg_catalog.pg_am m on m.oid = c.relam
  left join below b on b.oid = c.oid and b.through <> c.oid
  left join pg_catalog.pg_class through on through.oid = b.through
  left join pg_catalog.pg_namespace through_schema on through_schema.oid = through.relnamespace
  left join pg_catalog.pg_class root on root.oid = pg_catalog.pg_partition_root(b.oid) and b.through <> c.oid
  left join pg_catalog.pg_namespace root_schema on root_schema.oid = root.relnamespace
 order by n.nspname, c.relname

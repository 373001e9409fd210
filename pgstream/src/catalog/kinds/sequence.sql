-- Sequences, with the column that owns each.
-- $1  oid[]  relations that are held
select c.oid                                                        as oid
     , n.nspname                                                    as schema
     , c.relname                                                    as name
     , pg_catalog.pg_get_userbyid(c.relowner)                       as owner
     , c.relacl::text[]                                             as acl
     , pg_catalog.acldefault('s', c.relowner)::text[]               as baseline
     , c.relpersistence                                             as persistence       -- @since 15
  -- @before 15: , 'p'::"char"                                      as persistence
     , pg_catalog.format_type(s.seqtypid, null)                     as type_name
     , s.seqstart                                                   as start
     , s.seqincrement                                               as increment
     , s.seqmin                                                     as minimum
     , s.seqmax                                                     as maximum
     , s.seqcache                                                   as cache
     , s.seqcycle                                                   as is_cycled
     , d.deptype                                                    as ownership
     , owner.oid                                                    as table_oid
     , owner_schema.nspname                                         as table_schema
     , owner.relname                                                as table_name
     , owner.relpersistence                                         as table_persistence -- @since 15
  -- @before 15: , 'p'::"char"                                      as table_persistence
     , a.attname                                                    as column_name
     , a.attidentity                                                as identity
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind = 'S'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_sequence s on s.seqrelid = c.oid
  left join pg_catalog.pg_depend d
         on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
  left join pg_catalog.pg_class owner on owner.oid = d.refobjid
  left join pg_catalog.pg_namespace owner_schema on owner_schema.oid = owner.relnamespace
  left join pg_catalog.pg_attribute a on a.attrelid = owner.oid and a.attnum = d.refobjsubid
 order by n.nspname, c.relname

-- Columns of tables and of their parents, dropped ones included, in attribute order.
-- $1  oid[]  relations that are held
select a.attrelid                                                   as relation
     , a.attname                                                    as name
     , a.attisdropped                                               as is_dropped
     , a.attislocal                                                 as is_local
     , case when not a.attisdropped
            then pg_catalog.format_type(a.atttypid, a.atttypmod)
       end                                                          as type_name
     , collation_schema.nspname                                     as collation_schema
     , l.collname                                                   as collation_name
     , a.attgenerated                                               as generated
     , case when a.attstorage <> t.typstorage then a.attstorage end as storage
     , a.attcompression                                             as compression         -- @since 14
  -- @before 14: , ''::"char"                                       as compression
     , a.attstattarget::int4                                        as statistics
     , a.attoptions                                                 as options
     , a.attacl::text[]                                             as acl
     , carried.oid                                                  as carried_type
     , carried.typtype                                              as carried_kind
     , case when carried.typsend = 'pg_catalog.array_send'::regproc
            then carried.typelem
       end                                                          as carried_element
     , not_null.oid is not null                                     as is_not_null         -- @since 18
     , not_null.conname                                             as not_null_name       -- @since 18
     , not_null.conislocal                                          as is_not_null_local   -- @since 18
     , coalesce(not_null.connoinherit, false)                       as is_not_null_alone   -- @since 18
     , case when d.objoid is not null then not_null.oid end         as commented_not_null  -- @since 18
  -- @before 18: , a.attnotnull                                     as is_not_null
  -- @before 18: , null::name                                       as not_null_name
  -- @before 18: , null::bool                                       as is_not_null_local
  -- @before 18: , false                                            as is_not_null_alone
  -- @before 18: , null::oid                                        as commented_not_null
  from ( select c.oid
           from unnest($1::oid[]) as held(oid)
           join pg_catalog.pg_class c on c.oid = held.oid and c.relkind in ('r', 'p')
          union
         select i.inhparent
           from unnest($1::oid[]) as held(oid)
           join pg_catalog.pg_inherits i on i.inhrelid = held.oid ) as described(oid)
  join pg_catalog.pg_attribute a on a.attrelid = described.oid and a.attnum > 0
  left join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_type carried on carried.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
  left join pg_catalog.pg_collation l on l.oid = a.attcollation and a.attcollation <> t.typcollation
  left join pg_catalog.pg_namespace collation_schema on collation_schema.oid = l.collnamespace
  left join pg_catalog.pg_constraint not_null                                               -- @since 18
         on not_null.conrelid = a.attrelid and not_null.contype = 'n'                       -- @since 18
        and not_null.conkey = array[a.attnum] and not_null.convalidated                     -- @since 18
  left join pg_catalog.pg_description d                                                     -- @since 18
         on d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objoid = not_null.oid   -- @since 18
 order by a.attrelid, a.attnum

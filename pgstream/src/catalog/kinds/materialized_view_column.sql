-- How columns of materialized views are stored and sampled, where that is not the default.
-- $1  oid[]  relations that are held
select c.oid                                                     as relation
     , a.attname                                                 as name
     , case when a.attstattarget >= 0 then a.attstattarget::int end
                                                                 as statistics
     , case when a.attstorage <> t.typstorage then a.attstorage end
                                                                 as storage
     , nullif(a.attcompression, '')                              as compression -- @since 14
  -- @before 14: , null::"char"                                  as compression
     , array(select o.option
               from unnest(a.attoptions) with ordinality as o(option, position)
              where o.option !~ '^pg_attver='
              order by o.position)                               as options
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind = 'm'
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
 order by c.oid, a.attnum

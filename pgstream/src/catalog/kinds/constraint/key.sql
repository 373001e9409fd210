-- Primary keys, unique and exclusion constraints: those that an index enforces.
-- $1  oid[]  relations that are held
select con.oid                                                      as oid
     , n.nspname                                                    as schema
     , t.relname                                                    as table_name
     , t.oid                                                        as table_oid
     , pg_catalog.pg_get_userbyid(t.relowner)                       as owner
     , con.conname                                                  as name
     , con.contype                                                  as contype
     , t.relkind                                                    as relkind
     , case when con.contype = 'x' then pg_catalog.pg_get_constraintdef(con.oid) end as definition
     , con.condeferrable                                            as is_deferrable
     , con.condeferred                                              as is_deferred
     , con.conperiod                                                as is_without_overlaps       -- @since 18
  -- @before 18: , false                                            as is_without_overlaps
     , i.indnullsnotdistinct                                        as is_nulls_not_distinct     -- @since 15
  -- @before 15: , false                                            as is_nulls_not_distinct
     , columns.names                                                as columns
     , i.indnkeyatts                                                as key_count
     , x.oid                                                        as index_oid
     , x.relname                                                    as index_name
     , x.reloptions                                                 as options
     , i.indisclustered                                             as is_clustered
     , i.indisreplident                                             as is_replica_identity
     , coalesce(s.spcname, '')                                      as tablespace
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class t on t.oid = held.oid and t.relkind in ('r', 'p')
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  join pg_catalog.pg_constraint con on con.conrelid = t.oid and con.contype in ('p', 'u', 'x')
  join pg_catalog.pg_index i on i.indexrelid = con.conindid and (i.indisvalid or t.relkind = 'p') and i.indisready
  join pg_catalog.pg_class x on x.oid = i.indexrelid
  left join pg_catalog.pg_tablespace s on s.oid = x.reltablespace
  left join ( select k.indexrelid
                   , pg_catalog.array_agg(a.attname::text order by key.position) as names
                from unnest($1::oid[]) as held(oid)
                join pg_catalog.pg_index k on k.indrelid = held.oid
               cross join lateral unnest(k.indkey) with ordinality as key(number, position)
                join pg_catalog.pg_attribute a on a.attrelid = k.indrelid and a.attnum = key.number
               group by k.indexrelid ) as columns on columns.indexrelid = i.indexrelid
 order by n.nspname, t.relname, con.conname

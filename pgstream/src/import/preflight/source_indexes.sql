-- Bytes of the indexes on the wanted tables. An index that somebody holds exclusively is taken at what the catalog remembers,
-- because measuring it would wait for that lock.
-- $1  oid[]  tables
with held as materialized (
     select distinct l.relation as oid
       from pg_catalog.pg_locks l
      where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock'
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
)
select coalesce(pg_catalog.sum(
         case when h.oid is not null then c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint
              else coalesce(pg_catalog.pg_relation_size(i.indexrelid), 0) end), 0)::bigint as bytes
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  left join held h on h.oid = i.indexrelid
 where i.indrelid = any ($1::oid[])

-- Columns of indexes that have a statistics target of their own.
-- $1  oid[]  relations that are held
select a.attrelid                                                   as index
     , a.attnum                                                     as number
     , a.attstattarget::int4                                        as statistics
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_index i on i.indrelid = held.oid
  join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid
 where a.attstattarget >= 0
 order by a.attrelid, a.attnum

-- Tables, partitions and materialized views with their columns, in a form that the simple query protocol carries.
select c.oid                                                                  as oid
     , c.relkind                                                              as relkind
     , n.nspname                                                              as schema
     , c.relname                                                              as name
     , pg_catalog.pg_partition_root(c.oid)::pg_catalog.oid                    as root
     , c.relispopulated                                                       as is_populated
     , pg_catalog.pg_table_size(c.oid)                                        as bytes
     , (select coalesce(pg_catalog.json_agg(a.attname order by a.attnum), '[]')
          from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')  as columns
     , (select coalesce(pg_catalog.json_agg(a.attname order by a.attnum), '[]')
          from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> '') as generated
     , (select coalesce(pg_catalog.json_object_agg(a.attname, t.typsend = 'pg_catalog.array_send'::regproc), '{}')
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type d on d.oid = a.atttypid
          join pg_catalog.pg_type t on t.oid = case d.typtype when 'd' then d.typbasetype else d.oid end
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and t.oid in ('pg_catalog."char"'::regtype, 'pg_catalog."char"[]'::regtype)) as chars
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't' and n.nspname <> 'pg_toast'
 order by n.nspname, c.relname

-- What filled tables are now: the name, the kind, whether all rows can be seen, whether triggers may change them, and the
-- partitioned tables above, itself first. Completed with a list of oids.
select c.oid
     , n.nspname
     , c.relname
     , c.relkind
     , pg_catalog.has_table_privilege(c.oid, 'select') and not pg_catalog.row_security_active(c.oid)
     , exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D')
     , pg_catalog.array_to_string(array(select a.relid::pg_catalog.oid from pg_catalog.pg_partition_ancestors(c.oid) a), ' ')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid

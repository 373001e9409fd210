-- Relations that are to be filled.
-- $1  text[]  schemas
-- $2  text[]  names, one for each schema
select n.nspname::text                                                        as schema
     , c.relname::text                                                        as name
     , c.relkind <> 'S'                                                       as is_table
     , c.relkind = 'p'                                                        as is_partitioned
     , case when c.relkind = 'S'
            then pg_catalog.has_sequence_privilege(c.oid, 'SELECT') and pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')
            else pg_catalog.has_table_privilege(c.oid, 'SELECT') and pg_catalog.has_table_privilege(c.oid, 'INSERT')
                 and pg_catalog.has_table_privilege(c.oid, 'DELETE')
       end                                                                    as is_usable
     , array(select a.attname::text
               from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
              order by a.attnum)                                              as columns
     , array(select f.enabled || f.name
               from (select t.tgenabled::text as enabled, t.tgname::text as name
                       from pg_catalog.pg_trigger t
                      where t.tgrelid = c.oid and not t.tgisinternal
                      union all
                     select r.ev_enabled::text, r.rulename::text
                       from pg_catalog.pg_rewrite r
                      where r.ev_class = c.oid and r.ev_type <> '1') f
              where f.enabled <> 'D'
              order by f.name)                                                as triggers
  from unnest($1::text[], $2::text[]) as wanted(schema, name)
  join pg_catalog.pg_namespace n on n.nspname = wanted.schema
  join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
 where c.relkind in ('r', 'p', 'S')
 order by 1, 2

-- Held tables that publications name, with the columns and rows that they publish of each.
-- $1  oid[]  relations that are held
select r.oid                                                        as oid
     , p.oid                                                        as publication
     , p.pubname                                                    as publication_name
     , c.oid                                                        as relation
     , n.nspname                                                    as schema
     , c.relname                                                    as relation_name
     , (select pg_catalog.array_agg(a.attname::text order by listed.position)              -- @since 15
          from unnest(r.prattrs) with ordinality as listed(number, position)               -- @since 15
          join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = listed.number) as columns -- @since 15
     , pg_catalog.pg_get_expr(r.prqual, r.prrelid)                  as condition           -- @since 15
  -- @before 15: , null::text[] as columns, null::text as condition
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_publication_rel r on r.prrelid = c.oid
  join pg_catalog.pg_publication p on p.oid = r.prpubid
 order by n.nspname, c.relname, p.pubname

-- Schemas of which publications publish every table.
select s.oid                     as oid                                       -- @since 15
     , p.oid                     as publication                               -- @since 15
     , p.pubname                 as publication_name                          -- @since 15
     , n.oid                     as namespace                                 -- @since 15
     , n.nspname                 as schema                                    -- @since 15
  from pg_catalog.pg_publication_namespace s                                  -- @since 15
  join pg_catalog.pg_publication p on p.oid = s.pnpubid                       -- @since 15
  join pg_catalog.pg_namespace n on n.oid = s.pnnspid                         -- @since 15
 order by n.nspname, p.pubname                                                -- @since 15
  -- @before 15: select 0::oid as oid, 0::oid as publication, ''::name as publication_name, 0::oid as namespace, ''::name as schema where false

-- Conversions between encodings.
select c.oid                                                 as oid
     , n.nspname                                             as schema
     , c.conname                                             as name
     , pg_catalog.pg_get_userbyid(c.conowner)                as owner
     , c.condefault                                          as is_default
     , pg_catalog.pg_encoding_to_char(c.conforencoding)      as source_encoding
     , pg_catalog.pg_encoding_to_char(c.contoencoding)       as target_encoding
     , c.conproc::pg_catalog.regproc::text                   as function
  from pg_catalog.pg_conversion c
  join pg_catalog.pg_namespace n on n.oid = c.connamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, c.conname

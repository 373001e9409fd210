-- Which of the wanted extensions can be had.
-- $1  text[]  names
select a.name::text                        as name
     , coalesce(e.extversion, a.default_version, '') as version
     , e.oid is not null                   as is_installed
     , coalesce(v.superuser, false)        as needs_superuser
     , coalesce(v.trusted, false)          as is_trusted
     , n.nspname::text                     as schema
  from pg_catalog.pg_available_extensions a
  left join pg_catalog.pg_extension e on e.extname = a.name
  left join pg_catalog.pg_namespace n on n.oid = e.extnamespace
  left join pg_catalog.pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
 where a.name = any ($1::text[])
 order by 1

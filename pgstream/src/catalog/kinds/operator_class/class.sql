-- Operator classes.
select c.oid                                        as oid
     , n.nspname                                    as schema
     , c.opcname                                    as name
     , pg_catalog.pg_get_userbyid(c.opcowner)       as owner
     , a.amname                                     as access_method
     , c.opcdefault                                 as is_default
     , pg_catalog.format_type(c.opcintype, null)    as data_type
     , case when c.opckeytype <> 0 then pg_catalog.format_type(c.opckeytype, null) end
                                                    as stored_type
     , fn.nspname                                   as family_schema
     , f.opfname                                    as family_name
  from pg_catalog.pg_opclass c
  join pg_catalog.pg_namespace n on n.oid = c.opcnamespace
  join pg_catalog.pg_am a on a.oid = c.opcmethod
  join pg_catalog.pg_opfamily f on f.oid = c.opcfamily
  join pg_catalog.pg_namespace fn on fn.oid = f.opfnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, c.opcname, a.amname

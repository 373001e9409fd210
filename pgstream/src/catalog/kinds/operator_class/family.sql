-- Operator families, also those that were made in passing with a class of their name.
select f.oid                                        as oid
     , n.nspname                                    as schema
     , f.opfname                                    as name
     , pg_catalog.pg_get_userbyid(f.opfowner)       as owner
     , a.amname                                     as access_method
  from pg_catalog.pg_opfamily f
  join pg_catalog.pg_namespace n on n.oid = f.opfnamespace
  join pg_catalog.pg_am a on a.oid = f.opfmethod
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, f.opfname, a.amname

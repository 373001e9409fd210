-- Default privileges: for the whole database against what is built in, for a schema against nothing.
select d.oid                                                     as oid
     , n.nspname                                                 as schema
     , pg_catalog.pg_get_userbyid(d.defaclrole)                  as role
     , d.defaclobjtype                                           as object_type
     , d.defaclacl::text[]                                       as acl
     , case when d.defaclnamespace = 0
            then pg_catalog.acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)::text[]
            else '{}' end                                        as baseline
     , pg_catalog.current_setting('server_version_num')::int / 10000
                                                                 as major
  from pg_catalog.pg_default_acl d
  left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
 order by n.nspname, d.defaclobjtype, role

-- Default privileges of the database, and to whom they grant.
select a.oid                                                  as oid
     , pg_catalog.pg_get_userbyid(a.defaclrole)               as role
     , n.nspname                                              as schema
     , a.defaclobjtype                                        as object_type
     , array(select distinct case e.grantee when 0 then '' else pg_catalog.pg_get_userbyid(e.grantee)::text end
               from pg_catalog.aclexplode(a.defaclacl) e
              order by 1)                                     as grantees
  from pg_catalog.pg_default_acl a
  left join pg_catalog.pg_namespace n on n.oid = a.defaclnamespace
 order by a.oid

-- How many large objects this role cannot read.
select pg_catalog.count(*) as unreadable
  from pg_catalog.pg_largeobject_metadata m
 where not pg_catalog.pg_has_role(m.lomowner, 'USAGE')
   and not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user)
   and not pg_catalog.current_setting('lo_compat_privileges')::bool
   and not exists (
         select from pg_catalog.aclexplode(m.lomacl) a
          where a.privilege_type = 'SELECT'
            and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'USAGE')))

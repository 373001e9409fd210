-- Roles by name, and those that they are members of, however many steps away. Roles of the system need not be made.
-- $1  text[]  names
with recursive
     wanted(oid) as (
         select r.oid
           from pg_catalog.pg_roles r
          where r.rolname = any ($1::text[])
          union
         select m.roleid
           from wanted w
           join pg_catalog.pg_auth_members m on m.member = w.oid
     )
select r.rolname                                                    as name
     , r.rolsuper                                                   as is_superuser
     , r.rolinherit                                                 as inherits
     , r.rolcreaterole                                              as creates_roles
     , r.rolcreatedb                                                as creates_databases
     , r.rolcanlogin                                                as can_login
     , r.rolreplication                                             as can_replicate
     , r.rolbypassrls                                               as bypasses_row_security
     , r.rolconnlimit                                               as connection_limit
     , r.rolvaliduntil::text                                        as valid_until
     , coalesce(r.rolconfig, '{}')                                  as settings
     , pg_catalog.shobj_description(r.oid, 'pg_authid')             as comment
  from wanted w
  join pg_catalog.pg_roles r on r.oid = w.oid
 where r.rolname !~ '^pg_'
 order by r.rolname

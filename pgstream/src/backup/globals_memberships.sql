-- What roles are members of. The same membership can have been granted by several roles; what any of them gives counts.
-- $1  text[]  names of members
select g.rolname                                                    as role
     , m.rolname                                                    as member
     , pg_catalog.bool_or(a.admin_option)                           as is_admin
     , pg_catalog.bool_or(a.inherit_option)                         as inherits  -- @since 16
  -- @before 16: , pg_catalog.bool_or(m.rolinherit)                 as inherits
     , pg_catalog.bool_or(a.set_option)                             as can_set   -- @since 16
  -- @before 16: , true                                             as can_set
     , pg_catalog.bool_or(m.rolinherit)                             as member_inherits
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles g on g.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
 where m.rolname = any ($1::text[])
 group by g.rolname, m.rolname
 order by g.rolname, m.rolname

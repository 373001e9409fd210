-- Row security policies.
-- $1  oid[]  relations that are held
select p.oid                                                     as oid
     , n.nspname                                                 as schema
     , c.relname                                                 as relation_name
     , c.oid                                                     as relation
     , p.polname                                                 as name
     , p.polcmd                                                  as command
     , p.polpermissive                                           as is_permissive
     , array(select role.rolname::text
               from pg_catalog.pg_roles role
              where role.oid = any (p.polroles)
              order by role.oid)                                 as roles
     , pg_catalog.pg_get_expr(p.polqual, p.polrelid)             as using_expression
     , pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)        as check_expression
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_policy p on p.polrelid = c.oid
 order by n.nspname, c.relname, p.polname

-- Which of the wanted roles are there, and whether this role may act as them.
-- $1  text[]  names
select r.rolname::text                               as name
     , pg_catalog.pg_has_role(r.oid, 'SET')          as can_set  -- @since 16
  -- @before 16: , pg_catalog.pg_has_role(r.oid, 'MEMBER') as can_set
  from pg_catalog.pg_roles r
 where r.rolname = any ($1::text[])
 order by 1

-- The hashes of passwords. Who may not read them may not read the table.
-- $1  text[]  names of roles
select a.rolname                                                    as name
     , a.rolpassword                                                as password
  from pg_catalog.pg_authid a
 where a.rolname = any ($1::text[])
   and a.rolpassword is not null
 order by a.rolname

-- Tablespaces by name.
-- $1  text[]  names
select t.spcname                                                    as name
     , pg_catalog.pg_get_userbyid(t.spcowner)                       as owner
     , pg_catalog.pg_tablespace_location(t.oid)                     as location
  from pg_catalog.pg_tablespace t
 where t.spcname = any ($1::text[])
 order by t.spcname

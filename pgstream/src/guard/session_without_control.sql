-- As session.sql, for servers where the user may not read the system identifier.
-- No parameters.
select null::text
     , d.oid::text
     , pg_catalog.pg_is_in_recovery()::text
  from pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()

-- What every session that is to write has to prove: one row of texts, so that it can be asked in the simple protocol too.
-- No parameters.
select (select c.system_identifier::text from pg_catalog.pg_control_system() c)
     , d.oid::text
     , pg_catalog.pg_is_in_recovery()::text
  from pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()

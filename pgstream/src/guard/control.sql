-- What initdb drew for this cluster; a physical copy has the same. Some hosting services do not let everybody call it.
-- No parameters.
select c.system_identifier::text  as system_identifier
  from pg_catalog.pg_control_system() c

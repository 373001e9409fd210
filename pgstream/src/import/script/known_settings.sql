-- All settings that the server knows.
select s.name
  from pg_catalog.pg_settings s
 order by s.name

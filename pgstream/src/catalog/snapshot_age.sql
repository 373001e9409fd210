-- How many transactions vacuum cannot clean up after because of our sessions.
-- $1  text  application_name of our sessions
select coalesce(pg_catalog.max(pg_catalog.age(a.backend_xmin)), 0)::int8 as transactions
  from pg_catalog.pg_stat_activity a
 where a.application_name = $1
   and a.backend_xmin is not null

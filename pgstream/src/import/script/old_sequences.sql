-- Sequences that are there before a script runs: setting one survives a rollback.
select n.nspname
     , c.relname
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'S'
 order by n.nspname, c.relname

-- Tables and sequences that are there before a script runs. Rows of a table that is new are ours; setting a sequence that is not
-- survives a rollback.
select c.oid
     , c.relkind
     , n.nspname
     , c.relname
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'S')
   and c.oid >= 16384
 order by c.oid

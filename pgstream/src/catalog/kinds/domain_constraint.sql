-- Constraints of domains: checks, and NOT NULL where the server has a row for it.
select c.oid                                                     as oid
     , c.contypid                                                as domain
     , c.conname                                                 as name
     , c.contype                                                 as kind
     , pg_catalog.pg_get_constraintdef(c.oid)                    as definition
     , c.convalidated                                            as is_validated
  from pg_catalog.pg_constraint c
  join pg_catalog.pg_type t on t.oid = c.contypid
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 where c.contype in ('c', 'n')
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, t.typname, c.conname

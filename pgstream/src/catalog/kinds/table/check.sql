-- Checks of tables, and not-null constraints that are not valid and so stand for themselves.
-- $1  oid[]  relations that are held
select con.oid                                                      as oid
     , con.conrelid                                                 as relation
     , con.conname                                                  as name
     , con.contype                                                  as contype
     , pg_catalog.pg_get_constraintdef(con.oid)                     as definition
     , con.conislocal                                               as is_local
     , con.convalidated                                             as is_valid
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_constraint con on con.conrelid = c.oid
 where con.contype = 'c'
    or con.contype = 'n' and not con.convalidated
 order by con.conrelid, con.conname

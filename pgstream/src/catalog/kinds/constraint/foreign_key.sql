-- Foreign keys, without those that the server made for partitions.
-- $1  oid[]  relations that are held
select con.oid                                                      as oid
     , n.nspname                                                    as schema
     , t.relname                                                    as table_name
     , t.oid                                                        as table_oid
     , t.relkind                                                    as relkind
     , pg_catalog.pg_get_userbyid(t.relowner)                       as owner
     , con.conname                                                  as name
     , pg_catalog.pg_get_constraintdef(con.oid)                     as definition
     , con.convalidated                                             as is_valid
     , con.confrelid                                                as referenced_oid
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class t on t.oid = held.oid and t.relkind in ('r', 'p')
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  join pg_catalog.pg_constraint con on con.conrelid = t.oid and con.contype = 'f' and con.conparentid = 0
 order by n.nspname, t.relname, con.conname

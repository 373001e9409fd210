-- The parents of tables, in the order of INHERITS; for a partition, what it is a partition of.
-- $1  oid[]  relations that are held
select i.inhrelid                                                   as relation
     , i.inhparent                                                  as parent
     , n.nspname                                                    as parent_schema
     , p.relname                                                    as parent_name
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_inherits i on i.inhrelid = c.oid
  join pg_catalog.pg_class p on p.oid = i.inhparent
  join pg_catalog.pg_namespace n on n.oid = p.relnamespace
 order by i.inhrelid, i.inhseqno

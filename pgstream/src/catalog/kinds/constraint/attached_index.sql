-- For each foreign key to a partitioned table: the indexes below the one it refers to. It is valid when all are attached.
-- $1  oid[]  relations that are held
with recursive attached(foreign_key, index) as (
    select con.oid, h.inhrelid
      from unnest($1::oid[]) as held(oid)
      join pg_catalog.pg_constraint con on con.conrelid = held.oid and con.contype = 'f' and con.conparentid = 0
      join pg_catalog.pg_class x on x.oid = con.conindid and x.relkind = 'I'
      join pg_catalog.pg_inherits h on h.inhparent = x.oid
     union all
    select a.foreign_key, h.inhrelid
      from attached a
      join pg_catalog.pg_inherits h on h.inhparent = a.index
)
select foreign_key, index
  from attached
 order by foreign_key, index

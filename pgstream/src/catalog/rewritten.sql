-- One of the relations that is gone, or that has other storage now than it has in this snapshot.
-- $1  oid[]  relations that were listed and locked
select listed.oid                                                as oid
  from unnest($1::oid[]) as listed(oid)
  left join pg_catalog.pg_class c on c.oid = listed.oid
 where c.oid is null
    or c.relkind = 'r' and c.relfilenode <> 0 and c.relfilenode is distinct from pg_catalog.pg_relation_filenode(c.oid)
 order by 1
 limit 1

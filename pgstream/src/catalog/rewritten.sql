-- One of the relations that is gone, or that has other storage or another name now than it has in this snapshot: rows are read by
-- name, and a name is looked up in what is there now.
-- $1  oid[]  relations that were listed and locked
select listed.oid                                                as oid
  from unnest($1::oid[]) as listed(oid)
  left join pg_catalog.pg_class c on c.oid = listed.oid
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid is null
    or c.relkind = 'r' and c.relfilenode <> 0 and c.relfilenode is distinct from pg_catalog.pg_relation_filenode(c.oid)
    or c.relkind = 'r' and c.oid::pg_catalog.regclass::text is distinct from pg_catalog.format('%I.%I', n.nspname, c.relname)
 order by 1
 limit 1

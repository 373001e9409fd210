-- Which materialized views each materialized view reads, directly or through views.
with recursive reads(reader, relation, relkind) as (
    select c.oid, used.oid, used.relkind
      from pg_catalog.pg_class c
      join pg_catalog.pg_rewrite r on r.ev_class = c.oid
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
      join pg_catalog.pg_class used on d.refclassid = 'pg_catalog.pg_class'::regclass and used.oid = d.refobjid
     where c.relkind = 'm' and used.relkind in ('m', 'v') and used.oid <> c.oid
     union
    select reads.reader, used.oid, used.relkind
      from reads
      join pg_catalog.pg_rewrite r on r.ev_class = reads.relation
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
      join pg_catalog.pg_class used on d.refclassid = 'pg_catalog.pg_class'::regclass and used.oid = d.refobjid
     where used.relkind in ('m', 'v') and used.oid <> reads.relation
)
select reads.reader                                              as reader
     , reads.relation                                            as relation
  from reads
 where reads.relkind = 'm' and reads.relation <> reads.reader
 order by 1, 2

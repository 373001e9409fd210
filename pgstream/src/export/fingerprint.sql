-- Rows of catalogs that no lock on a table protects, with the transaction that wrote each.
select 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid as class, oid, xmin from pg_catalog.pg_proc where oid >= 16384
union all
select 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_type where oid >= 16384
union all
select 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_namespace where oid >= 16384
union all
select 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_extension where oid >= 16384
union all
select 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_constraint where oid >= 16384
union all
select 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_rewrite where oid >= 16384
union all
select 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_trigger where oid >= 16384
union all
select 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_policy where oid >= 16384
union all
select 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid, oid, xmin from pg_catalog.pg_statistic_ext where oid >= 16384
union all
select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, oid, xmin
  from pg_catalog.pg_class where oid >= 16384 and relkind in ('v', 'S', 'c', 'f')
 order by 1, 2

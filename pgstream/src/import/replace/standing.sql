-- Every object of users, by the catalog that it is in: what must not go along when something is dropped.
select 1259 as class, oid from pg_catalog.pg_class where oid >= 16384
 union all select 1247, oid from pg_catalog.pg_type where oid >= 16384
 union all select 1255, oid from pg_catalog.pg_proc where oid >= 16384
 union all select 2606, oid from pg_catalog.pg_constraint where oid >= 16384
 union all select 2604, oid from pg_catalog.pg_attrdef where oid >= 16384
 union all select 2620, oid from pg_catalog.pg_trigger where oid >= 16384
 union all select 2618, oid from pg_catalog.pg_rewrite where oid >= 16384
 union all select 3256, oid from pg_catalog.pg_policy where oid >= 16384
 union all select 2615, oid from pg_catalog.pg_namespace where oid >= 16384
 union all select 2613, oid from pg_catalog.pg_largeobject_metadata
 union all select 3381, oid from pg_catalog.pg_statistic_ext where oid >= 16384
 union all select 3079, oid from pg_catalog.pg_extension where oid >= 16384
 union all select 2617, oid from pg_catalog.pg_operator where oid >= 16384
 union all select 2616, oid from pg_catalog.pg_opclass where oid >= 16384
 union all select 2753, oid from pg_catalog.pg_opfamily where oid >= 16384
 union all select 3456, oid from pg_catalog.pg_collation where oid >= 16384
 union all select 2607, oid from pg_catalog.pg_conversion where oid >= 16384
 union all select 3602, oid from pg_catalog.pg_ts_config where oid >= 16384
 union all select 3600, oid from pg_catalog.pg_ts_dict where oid >= 16384
 union all select 2605, oid from pg_catalog.pg_cast where oid >= 16384
 union all select 1417, oid from pg_catalog.pg_foreign_server where oid >= 16384
 union all select 3466, oid from pg_catalog.pg_event_trigger where oid >= 16384
 union all select 6104, oid from pg_catalog.pg_publication where oid >= 16384
 union all select 6106, oid from pg_catalog.pg_publication_rel where oid >= 16384

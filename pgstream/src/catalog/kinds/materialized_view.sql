-- Materialized views.
-- $1  oid[]  relations that are held
select c.oid                                                     as oid
     , n.nspname                                                 as schema
     , c.relname                                                 as name
     , pg_catalog.pg_get_userbyid(c.relowner)                    as owner
     , c.relacl::text[]                                          as acl
     , pg_catalog.acldefault('r', c.relowner)::text[]            as baseline
     , pg_catalog.pg_get_viewdef(c.oid)                          as definition
     , c.relispopulated                                          as is_populated
     , coalesce(c.reloptions, '{}')                              as options
     , coalesce(toast.reloptions, '{}')                          as toast_options
     , coalesce(ts.spcname, '')                                  as tablespace
     , am.amname                                                 as access_method
     , array(select a.attname::text
               from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0
              order by a.attnum)                                 as column_names
     , r.oid                                                     as rule
     , array(select e.extname::text
               from pg_catalog.pg_depend d
               join pg_catalog.pg_extension e on e.oid = d.refobjid
              where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
                and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'x'
              order by e.extname)                                as depends_on_extensions
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind = 'm'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1' and r.rulename = '_RETURN'
  left join pg_catalog.pg_class toast on toast.oid = c.reltoastrelid
  left join pg_catalog.pg_tablespace ts on ts.oid = c.reltablespace
  left join pg_catalog.pg_am am on am.oid = c.relam
 order by n.nspname, c.relname

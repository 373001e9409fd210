-- Domains.
select t.oid                                                     as oid
     , n.nspname                                                 as schema
     , t.typname                                                 as name
     , pg_catalog.pg_get_userbyid(t.typowner)                    as owner
     , t.typacl::text[]                                          as acl
     , pg_catalog.acldefault('T', t.typowner)::text[]            as baseline
     , pg_catalog.format_type(t.typbasetype, t.typtypmod)        as base_type
     , t.typnotnull                                              as is_not_null
     , pg_catalog.pg_get_expr(t.typdefaultbin, 0)                as default_expression
     , t.typdefault                                              as default_text
     , case when t.typcollation <> b.typcollation
            then pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) end
                                                                 as collation
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  join pg_catalog.pg_type b on b.oid = t.typbasetype
  left join pg_catalog.pg_collation co on co.oid = t.typcollation
  left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
 where t.typtype = 'd'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, t.typname

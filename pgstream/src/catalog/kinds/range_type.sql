-- Range types.
select t.oid                                                     as oid
     , n.nspname                                                 as schema
     , t.typname                                                 as name
     , pg_catalog.pg_get_userbyid(t.typowner)                    as owner
     , t.typacl::text[]                                          as acl
     , pg_catalog.acldefault('T', t.typowner)::text[]            as baseline
     , pg_catalog.format_type(r.rngsubtype, null)                as subtype
     , mn.nspname                                                as multirange_schema -- @since 14
  -- @before 14: , null::name                                    as multirange_schema
     , m.typname                                                 as multirange_name   -- @since 14
  -- @before 14: , null::name                                    as multirange_name
     , case when not o.opcdefault
            then pg_catalog.quote_ident(opn.nspname) || '.' || pg_catalog.quote_ident(o.opcname) end
                                                                 as operator_class
     , case when r.rngcollation <> s.typcollation
            then pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) end
                                                                 as collation
     , case when r.rngcanonical <> 0 then r.rngcanonical::regproc::text end
                                                                 as canonical
     , case when r.rngsubdiff <> 0 then r.rngsubdiff::regproc::text end
                                                                 as subtype_difference
  from pg_catalog.pg_range r
  join pg_catalog.pg_type t on t.oid = r.rngtypid
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  join pg_catalog.pg_type s on s.oid = r.rngsubtype
  join pg_catalog.pg_opclass o on o.oid = r.rngsubopc
  join pg_catalog.pg_namespace opn on opn.oid = o.opcnamespace
  left join pg_catalog.pg_collation co on co.oid = r.rngcollation
  left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
  left join pg_catalog.pg_type m on m.oid = r.rngmultitypid           -- @since 14
  left join pg_catalog.pg_namespace mn on mn.oid = m.typnamespace     -- @since 14
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, t.typname

-- Free-standing composite types. Dropped columns stay in the lists, so that positions are column numbers.
select t.oid                                                     as oid
     , n.nspname                                                 as schema
     , t.typname                                                 as name
     , pg_catalog.pg_get_userbyid(t.typowner)                    as owner
     , t.typacl::text[]                                          as acl
     , pg_catalog.acldefault('T', t.typowner)::text[]            as baseline
     , c.oid                                                     as relation
     , a.names                                                   as column_names
     , a.types                                                   as column_types
     , a.collations                                              as column_collations
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind = 'c'
 cross join lateral (
       select coalesce(pg_catalog.array_agg(case when a.attisdropped then '' else a.attname end::text order by a.attnum), '{}')
            , coalesce(pg_catalog.array_agg(case when a.attisdropped then ''
                                                 else pg_catalog.format_type(a.atttypid, a.atttypmod) end
                                            order by a.attnum), '{}')
            , coalesce(pg_catalog.array_agg(case when a.attcollation <> u.typcollation
                                                 then pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                                                 else '' end
                                            order by a.attnum), '{}')
         from pg_catalog.pg_attribute a
         left join pg_catalog.pg_type u on u.oid = a.atttypid
         left join pg_catalog.pg_collation co on co.oid = a.attcollation
         left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
        where a.attrelid = c.oid and a.attnum > 0
       ) as a(names, types, collations)
 where t.typtype = 'c'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, t.typname

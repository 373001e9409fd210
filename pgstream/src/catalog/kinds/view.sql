-- Views. Lists of columns keep their positions: a view has no dropped columns.
-- $1  oid[]  relations that are held
select c.oid                                                     as oid
     , n.nspname                                                 as schema
     , c.relname                                                 as name
     , pg_catalog.pg_get_userbyid(c.relowner)                    as owner
     , c.relacl::text[]                                          as acl
     , pg_catalog.acldefault('r', c.relowner)::text[]            as baseline
     , pg_catalog.pg_get_viewdef(c.oid)                          as definition
     , array(select o.option
               from unnest(c.reloptions) with ordinality as o(option, position)
              where o.option !~ '^check_option='
              order by o.position)                               as options
     , (select pg_catalog.substr(o.option, 14)
          from unnest(c.reloptions) as o(option)
         where o.option ~ '^check_option=')                      as check_option
     , a.names                                                   as column_names
     , a.types                                                   as column_types
     , a.collations                                              as column_collations
     , r.oid                                                     as rule
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid and c.relkind = 'v'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1' and r.rulename = '_RETURN'
 cross join lateral (
       select coalesce(pg_catalog.array_agg(a.attname::text order by a.attnum), '{}')
            , coalesce(pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) order by a.attnum), '{}')
            , coalesce(pg_catalog.array_agg(case when a.attcollation <> t.typcollation
                                                 then pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                                                 else '' end
                                            order by a.attnum), '{}')
         from pg_catalog.pg_attribute a
         join pg_catalog.pg_type t on t.oid = a.atttypid
         left join pg_catalog.pg_collation co on co.oid = a.attcollation
         left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       ) as a(names, types, collations)
 order by n.nspname, c.relname

-- Schemas that users made, and public.
select n.oid                                                     as oid
     , n.nspname                                                 as name
     , pg_catalog.pg_get_userbyid(n.nspowner)                    as owner
     , n.nspacl::text[]                                          as acl
     , case when n.nspname = 'public'
            then pg_catalog.acldefault('n', n.nspowner)::text[]
              || pg_catalog.makeaclitem(0, n.nspowner, 'USAGE', false)::text
            else pg_catalog.acldefault('n', n.nspowner)::text[]
       end                                                       as baseline
  from pg_catalog.pg_namespace n
 where n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
 order by n.nspname

-- Enums with their labels in order.
select t.oid                                                     as oid
     , n.nspname                                                 as schema
     , t.typname                                                 as name
     , pg_catalog.pg_get_userbyid(t.typowner)                    as owner
     , t.typacl::text[]                                          as acl
     , pg_catalog.acldefault('T', t.typowner)::text[]            as baseline
     , array(select e.enumlabel::text
               from pg_catalog.pg_enum e
              where e.enumtypid = t.oid
              order by e.enumsortorder)                          as labels
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 where t.typtype = 'e'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, t.typname

-- Objects of users and what belongs to them, each as the server identifies it.
-- $1  text  name of the marker schema
with hosting as (
     select r.oid
       from pg_catalog.pg_roles r
      where r.rolname in ('rdsadmin', 'cloudsqladmin', 'azuresu', 'supabase_admin', 'supabase_auth_admin',
                          'supabase_storage_admin', 'supabase_functions_admin', 'supabase_realtime_admin',
                          'supabase_replication_admin')
), thing(class, oid) as (
     select d.classid, d.objid from pg_catalog.pg_depend d where d.objid >= 16384 and d.deptype <> 'p'
      union
     select d.refclassid, d.refobjid from pg_catalog.pg_depend d where d.refobjid >= 16384 and d.deptype <> 'p'
      union
     select 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid
       from pg_catalog.pg_namespace n
      where n.oid >= 16384 and n.nspname !~ '^pg_'
      union
     select 'pg_catalog.pg_largeobject'::pg_catalog.regclass, m.oid from pg_catalog.pg_largeobject_metadata m
      union
     select 'pg_catalog.pg_default_acl'::pg_catalog.regclass, a.oid from pg_catalog.pg_default_acl a
      union
     select 'pg_catalog.pg_subscription'::pg_catalog.regclass, u.oid
       from pg_catalog.pg_subscription u
       join pg_catalog.pg_database b on b.oid = u.subdbid
      where b.datname = pg_catalog.current_database()
)
select t.class                                                     as class
     , t.oid                                                       as oid
     , i.type                                                      as kind
     , i.schema                                                    as schema
     , i.identity                                                  as identity
     , coalesce(c.relkind = 'i' or c.relkind = 'I', false)         as is_index
     , coalesce(o.owner in (select h.oid from hosting h), false)   as is_hosted
     -- Who owns the schema may drop what is in it.
     , coalesce(pg_catalog.pg_has_role(o.owner, 'USAGE'), true)
       or coalesce(pg_catalog.pg_has_role(s.nspowner, 'USAGE'), false) as may_drop
  from thing t
 cross join lateral pg_catalog.pg_identify_object(t.class, t.oid, 0) i
  left join pg_catalog.pg_class c on t.class = 'pg_catalog.pg_class'::pg_catalog.regclass and c.oid = t.oid
  left join pg_catalog.pg_proc p on t.class = 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid = t.oid
  left join pg_catalog.pg_type y on t.class = 'pg_catalog.pg_type'::pg_catalog.regclass and y.oid = t.oid
  left join pg_catalog.pg_namespace n on t.class = 'pg_catalog.pg_namespace'::pg_catalog.regclass and n.oid = t.oid
  left join pg_catalog.pg_largeobject_metadata l on t.class = 'pg_catalog.pg_largeobject'::pg_catalog.regclass and l.oid = t.oid
  left join pg_catalog.pg_namespace s on s.oid = coalesce(c.relnamespace, p.pronamespace, y.typnamespace)
 cross join lateral (select coalesce(c.relowner, p.proowner, y.typowner, n.nspowner, l.lomowner) as owner) o
 where i.type is not null
   and i.identity is distinct from pg_catalog.quote_ident($1)
   and i.schema is distinct from $1
 order by 1, 2

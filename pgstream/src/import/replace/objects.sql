-- Objects of users and what belongs to them, each as the server identifies it.
-- $1  text  name of the marker schema
with hosting as (
     select r.oid
       from pg_catalog.pg_roles r
      where r.rolname in ('rdsadmin', 'cloudsqladmin', 'azuresu', 'supabase_admin', 'supabase_auth_admin',
                          'supabase_storage_admin', 'supabase_functions_admin', 'supabase_realtime_admin',
                          'supabase_replication_admin')
), owned(class, oid, owner, schema) as (
     select 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner, c.relnamespace from pg_catalog.pg_class c
      union all
     select 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.proowner, p.pronamespace from pg_catalog.pg_proc p
      union all
     select 'pg_catalog.pg_type'::pg_catalog.regclass, y.oid, y.typowner, y.typnamespace from pg_catalog.pg_type y
      union all
     select 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, n.nspowner, null from pg_catalog.pg_namespace n
      union all
     select 'pg_catalog.pg_largeobject'::pg_catalog.regclass, m.oid, m.lomowner, null from pg_catalog.pg_largeobject_metadata m
      union all
     select 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid, l.lanowner, null from pg_catalog.pg_language l
      union all
     select 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid, f.fdwowner, null
       from pg_catalog.pg_foreign_data_wrapper f
      union all
     select 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, f.oid, f.srvowner, null from pg_catalog.pg_foreign_server f
      union all
     select 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid, p.pubowner, null from pg_catalog.pg_publication p
      union all
     select 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid, e.evtowner, null from pg_catalog.pg_event_trigger e
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
     -- What may stand on nothing but what every database has.
     select 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid from pg_catalog.pg_cast c where c.oid >= 16384
      union
     select 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid from pg_catalog.pg_language l where l.oid >= 16384
      union
     select 'pg_catalog.pg_transform'::pg_catalog.regclass, t.oid from pg_catalog.pg_transform t where t.oid >= 16384
      union
     select 'pg_catalog.pg_am'::pg_catalog.regclass, a.oid from pg_catalog.pg_am a where a.oid >= 16384
      union
     select 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid
       from pg_catalog.pg_foreign_data_wrapper f where f.oid >= 16384
      union
     select 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid from pg_catalog.pg_publication p where p.oid >= 16384
      union
     select 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid from pg_catalog.pg_event_trigger e where e.oid >= 16384
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
     -- As SQL writes it: the server leaves the second name of these unquoted.
     , case t.class
            when 'pg_catalog.pg_opclass'::pg_catalog.regclass
            then (select pg_catalog.format('%s.%I USING %I', i.schema, k.opcname, a.amname)
                    from pg_catalog.pg_opclass k join pg_catalog.pg_am a on a.oid = k.opcmethod where k.oid = t.oid)
            when 'pg_catalog.pg_opfamily'::pg_catalog.regclass
            then (select pg_catalog.format('%s.%I USING %I', i.schema, f.opfname, a.amname)
                    from pg_catalog.pg_opfamily f join pg_catalog.pg_am a on a.oid = f.opfmethod where f.oid = t.oid)
            when 'pg_catalog.pg_transform'::pg_catalog.regclass
            then (select pg_catalog.format('FOR %s LANGUAGE %I', y.identity, l.lanname)
                    from pg_catalog.pg_transform f
                    join pg_catalog.pg_language l on l.oid = f.trflang
                   cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_type'::pg_catalog.regclass, f.trftype, 0) y
                   where f.oid = t.oid)
            else i.identity
       end                                                         as identity
     , coalesce(c.relkind = 'i' or c.relkind = 'I', false)         as is_index
     , coalesce(o.owner in (select h.oid from hosting h), false)   as is_hosted
     -- Who owns the schema may drop what is in it.
     , coalesce(pg_catalog.pg_has_role(o.owner, 'USAGE'), true)
       or coalesce(pg_catalog.pg_has_role(s.nspowner, 'USAGE'), false) as may_drop
  from thing t
 cross join lateral pg_catalog.pg_identify_object(t.class, t.oid, 0) i
  left join pg_catalog.pg_class c on t.class = 'pg_catalog.pg_class'::pg_catalog.regclass and c.oid = t.oid
  left join owned o on o.class = t.class and o.oid = t.oid
  left join pg_catalog.pg_namespace s on s.oid = o.schema
 where i.type is not null
   and i.identity is distinct from pg_catalog.quote_ident($1)
   and i.schema is distinct from $1
 order by 1, 2

-- What this database holds and pgstream does not carry, by kind. Members of extensions are not counted as such.
with member as materialized (
    select d.classid, d.objid, d.refobjid as extension, d.xmin::text as transaction
      from pg_catalog.pg_depend d
     where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::regclass
), script(extension, transaction) as (
    -- The transactions that ran scripts of extensions: indexes, triggers and policies are no members, but are made in them.
    select m.extension, m.transaction from member m
     union
    select e.oid, e.xmin::text from pg_catalog.pg_extension e
), candidate(position, kind, class, oid) as (
    select 1, case when t.typisdefined then 'base types' else 'shell types' end, 'pg_catalog.pg_type'::regclass::oid, t.oid
      from pg_catalog.pg_type t
     where (t.typtype = 'b' and not (t.typelem <> 0 and exists (
             select from pg_catalog.pg_type e where e.oid = t.typelem and e.typarray = t.oid)))
        or (t.typtype = 'p' and not t.typisdefined)
     union all
    select 2, 'range types with a canonical function', 'pg_catalog.pg_type'::regclass::oid, r.rngtypid
      from pg_catalog.pg_range r where r.rngcanonical <> 0
     union all
    -- The view, not the catalog: everybody may read it.
    select 18, 'user mappings', 'pg_catalog.pg_user_mapping'::regclass::oid, u.umid from pg_catalog.pg_user_mappings u
     union all
    select 19, 'foreign tables', 'pg_catalog.pg_class'::regclass::oid, c.oid from pg_catalog.pg_class c where c.relkind = 'f'
     union all
    select 22, 'subscriptions', 'pg_catalog.pg_subscription'::regclass::oid, s.oid
      from pg_catalog.pg_subscription s
      join pg_catalog.pg_database d on d.oid = s.subdbid
     where d.datname = pg_catalog.current_database()
), own as (
    select c.position, c.kind, c.class, c.oid
      from candidate c
     where c.oid >= 16384
       and not exists (select from member m where m.classid = c.class and m.objid = c.oid)
     union all
    select 24, 'configuration tables of extensions', 'pg_catalog.pg_class'::regclass::oid, c.oid
      from pg_catalog.pg_extension e
      cross join lateral unnest(e.extconfig) as config(oid)
      join pg_catalog.pg_class c on c.oid = config.oid
     where c.relkind in ('r', 'p') and pg_catalog.pg_relation_size(c.oid) > 0
     union all
    select part.position, part.kind, part.class, part.oid
      from (select 25, 'indexes on tables of extensions', 'pg_catalog.pg_class'::regclass::oid, i.indexrelid, i.indrelid
              from pg_catalog.pg_index i
             union all
            select 26, 'triggers on tables of extensions', 'pg_catalog.pg_trigger'::regclass::oid, t.oid, t.tgrelid
              from pg_catalog.pg_trigger t where not t.tgisinternal
             union all
            select 27, 'policies on tables of extensions', 'pg_catalog.pg_policy'::regclass::oid, p.oid, p.polrelid
              from pg_catalog.pg_policy p) as part(position, kind, class, oid, relation)
      join member m on m.classid = 'pg_catalog.pg_class'::regclass and m.objid = part.relation
     where not exists (select from pg_catalog.pg_depend d
                         join script s on s.extension = m.extension and s.transaction = d.xmin::text
                        where d.classid = part.class and d.objid = part.oid)
), acl(class, oid, column_number, schema, items, built_in) as (
    select 'pg_catalog.pg_class'::regclass::oid, c.oid, 0, c.relnamespace, c.relacl::text[]
         , pg_catalog.acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner)::text[]
      from pg_catalog.pg_class c
     union all
    select 'pg_catalog.pg_class'::regclass::oid, a.attrelid, a.attnum, c.relnamespace, a.attacl::text[], '{}'
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_class c on c.oid = a.attrelid
     where a.attnum > 0 and not a.attisdropped and a.attacl is not null
     union all
    select 'pg_catalog.pg_proc'::regclass::oid, p.oid, 0, p.pronamespace, p.proacl::text[]
         , pg_catalog.acldefault('f', p.proowner)::text[]
      from pg_catalog.pg_proc p
     union all
    select 'pg_catalog.pg_type'::regclass::oid, t.oid, 0, t.typnamespace, t.typacl::text[]
         , pg_catalog.acldefault('T', t.typowner)::text[]
      from pg_catalog.pg_type t
     union all
    select 'pg_catalog.pg_language'::regclass::oid, l.oid, 0, null, l.lanacl::text[]
         , pg_catalog.acldefault('l', l.lanowner)::text[]
      from pg_catalog.pg_language l
     union all
    select 'pg_catalog.pg_namespace'::regclass::oid, n.oid, 0, n.oid, n.nspacl::text[]
         , pg_catalog.acldefault('n', n.nspowner)::text[]
      from pg_catalog.pg_namespace n
     union all
    select 'pg_catalog.pg_foreign_data_wrapper'::regclass::oid, w.oid, 0, null, w.fdwacl::text[]
         , pg_catalog.acldefault('F', w.fdwowner)::text[]
      from pg_catalog.pg_foreign_data_wrapper w
     union all
    select 'pg_catalog.pg_foreign_server'::regclass::oid, s.oid, 0, null, s.srvacl::text[]
         , pg_catalog.acldefault('S', s.srvowner)::text[]
      from pg_catalog.pg_foreign_server s
), changed_acl as (
    select a.class, a.oid, a.column_number, m.objid is not null as is_member
      from acl a
      left join member m on m.classid = a.class and m.objid = a.oid
      left join pg_catalog.pg_init_privs i on i.classoid = a.class and i.objoid = a.oid and i.objsubid = a.column_number
     -- Views of the information schema have privileges that are nowhere recorded as initial.
     where (m.objid is not null or a.oid < 16384 and coalesce(a.schema, 'pg_catalog'::regnamespace) = 'pg_catalog'::regnamespace)
       and a.items is not null
       and not (a.items @> coalesce(i.initprivs::text[], a.built_in) and a.items <@ coalesce(i.initprivs::text[], a.built_in))
), found(position, kind, name, class, oid) as (
    -- A table of an extension is made with it; it is only its rows that are lost.
    select o.position, o.kind, coalesce((pg_catalog.pg_identify_object(o.class, o.oid, 0)).identity, o.oid::text)
         , case when o.position <> 24 then o.class end, case when o.position <> 24 then o.oid end
      from own o
     union all
    select case when c.is_member then 28 else 29 end
         , case when c.is_member then 'changed privileges on members of extensions' else 'changed privileges on system objects' end
         , coalesce((pg_catalog.pg_identify_object(c.class, c.oid, c.column_number)).identity, c.oid::text)
         , null, null
      from changed_acl c
)
select f.kind                                          as kind
     , pg_catalog.array_agg(f.name order by f.name)    as names
     , coalesce(pg_catalog.array_agg(f.class order by f.name, f.oid) filter (where f.oid is not null), '{}')  as classes
     , coalesce(pg_catalog.array_agg(f.oid order by f.name, f.oid) filter (where f.oid is not null), '{}')    as oids
  from found f
 group by f.position, f.kind
 order by f.position

-- What of its own the database holds, per kind: how many, and some of them. Nothing but system objects gives no row.
-- Passed over: what came with an extension, and the extensions; the schema public; temporary objects; what a hosting service
-- made for itself; the marker of a run that broke off (kind 'marker' tells that it is there).
-- $1  text  name of the marker schema
with hosting as (
     select r.oid
       from pg_catalog.pg_roles r
      where r.rolname in ('rdsadmin', 'cloudsqladmin', 'azuresu', 'supabase_admin', 'supabase_auth_admin',
                          'supabase_storage_admin', 'supabase_functions_admin', 'supabase_realtime_admin',
                          'supabase_replication_admin')
), own_schema as (
     select n.oid
          , pg_catalog.quote_ident(n.nspname) as name
          , n.nspname = 'public'              as is_public
       from pg_catalog.pg_namespace n
      where n.nspname <> 'information_schema'
        and n.nspname !~ '^pg_'
        and n.nspname <> $1
        and n.nspowner not in (select h.oid from hosting h)
), member as (
     select d.classid, d.objid
       from pg_catalog.pg_depend d
      where d.deptype = 'e'
), found(kind, class, oid, name) as (
     select 'schema', 'pg_catalog.pg_namespace'::pg_catalog.regclass, s.oid, s.name
       from own_schema s
      where not s.is_public
      union all
     select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                           when 'f' then 'foreign table' else 'table' end
          , 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, s.name || '.' || pg_catalog.quote_ident(c.relname)
       from pg_catalog.pg_class c
       join own_schema s on s.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relowner not in (select h.oid from hosting h)
      union all
     select 'type', 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, s.name || '.' || pg_catalog.quote_ident(t.typname)
       from pg_catalog.pg_type t
       join own_schema s on s.oid = t.typnamespace
       left join pg_catalog.pg_class c on c.oid = t.typrelid
      where t.typowner not in (select h.oid from hosting h)
        and (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c' or t.typtype in ('b', 'p') and t.typelem = 0)
      union all
     select 'function', 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, s.name || '.' || pg_catalog.quote_ident(p.proname)
       from pg_catalog.pg_proc p
       join own_schema s on s.oid = p.pronamespace
      where p.proowner not in (select h.oid from hosting h)
        -- A range type brings its constructors.
        and not exists (select from pg_catalog.pg_depend d
                         where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'i')
      union all
     select 'operator', 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, s.name || '.' || o.oprname
       from pg_catalog.pg_operator o
       join own_schema s on s.oid = o.oprnamespace
      union all
     select 'operator family', 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, s.name || '.' || pg_catalog.quote_ident(o.opfname)
       from pg_catalog.pg_opfamily o
       join own_schema s on s.oid = o.opfnamespace
      union all
     select 'collation', 'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid, s.name || '.' || pg_catalog.quote_ident(c.collname)
       from pg_catalog.pg_collation c
       join own_schema s on s.oid = c.collnamespace
      union all
     select 'conversion', 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid, s.name || '.' || pg_catalog.quote_ident(c.conname)
       from pg_catalog.pg_conversion c
       join own_schema s on s.oid = c.connamespace
      union all
     select 'statistics object', 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, e.oid
          , s.name || '.' || pg_catalog.quote_ident(e.stxname)
       from pg_catalog.pg_statistic_ext e
       join own_schema s on s.oid = e.stxnamespace
      union all
     select 'text search object', 'pg_catalog.pg_ts_config'::pg_catalog.regclass, c.oid, s.name || '.' || pg_catalog.quote_ident(c.cfgname)
       from pg_catalog.pg_ts_config c
       join own_schema s on s.oid = c.cfgnamespace
      union all
     select 'text search object', 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, d.oid, s.name || '.' || pg_catalog.quote_ident(d.dictname)
       from pg_catalog.pg_ts_dict d
       join own_schema s on s.oid = d.dictnamespace
      union all
     select 'language', 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid, pg_catalog.quote_ident(l.lanname)
       from pg_catalog.pg_language l
      where l.oid >= 16384
      union all
     select 'cast', 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid
          , pg_catalog.format_type(c.castsource, null) || ' to ' || pg_catalog.format_type(c.casttarget, null)
       from pg_catalog.pg_cast c
      where c.oid >= 16384
        and not exists (select from pg_catalog.pg_depend d
                         where d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'i')
      union all
     select 'transform', 'pg_catalog.pg_transform'::pg_catalog.regclass, t.oid, pg_catalog.format_type(t.trftype, null)
       from pg_catalog.pg_transform t
      where t.oid >= 16384
      union all
     select 'access method', 'pg_catalog.pg_am'::pg_catalog.regclass, a.oid, pg_catalog.quote_ident(a.amname)
       from pg_catalog.pg_am a
      where a.oid >= 16384
      union all
     select 'foreign data wrapper', 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid, pg_catalog.quote_ident(f.fdwname)
       from pg_catalog.pg_foreign_data_wrapper f
      where f.oid >= 16384 and f.fdwowner not in (select h.oid from hosting h)
      union all
     select 'foreign server', 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, f.oid, pg_catalog.quote_ident(f.srvname)
       from pg_catalog.pg_foreign_server f
      where f.srvowner not in (select h.oid from hosting h)
      union all
     select 'event trigger', 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid, pg_catalog.quote_ident(e.evtname)
       from pg_catalog.pg_event_trigger e
      where e.evtowner not in (select h.oid from hosting h)
      union all
     select 'publication', 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid, pg_catalog.quote_ident(p.pubname)
       from pg_catalog.pg_publication p
      where p.pubowner not in (select h.oid from hosting h)
      union all
     select 'subscription', 'pg_catalog.pg_subscription'::pg_catalog.regclass, u.oid, pg_catalog.quote_ident(u.subname)
       from pg_catalog.pg_subscription u
       join pg_catalog.pg_database b on b.oid = u.subdbid
      where b.datname = pg_catalog.current_database()
      union all
     select 'default privileges', 'pg_catalog.pg_default_acl'::pg_catalog.regclass, a.oid
          , 'of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.defaclrole))
       from pg_catalog.pg_default_acl a
      where a.defaclrole not in (select h.oid from hosting h)
        and (a.defaclnamespace = 0 or a.defaclnamespace in (select s.oid from own_schema s))
        and not exists (select from hosting)
      union all
     select 'large object', 'pg_catalog.pg_largeobject'::pg_catalog.regclass, m.oid, m.oid::text
       from pg_catalog.pg_largeobject_metadata m
      where m.lomowner not in (select h.oid from hosting h)
)
select f.kind                                                                     as kind
     , pg_catalog.count(*)                                                        as count
     , (pg_catalog.array_agg(f.name::text order by f.name::text collate "C"))[1:3] as examples
  from found f
 where not exists (select from member m where m.classid = f.class and m.objid = f.oid)
 group by f.kind
 union all
select 'marker', 1, array[n.nspname::text]
  from pg_catalog.pg_namespace n
 where n.nspname = $1
 order by 1

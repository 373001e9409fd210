-- Triggers that users made, and their copies on partitions whose state is another than their parent's.
-- $1  oid[]  relations that are held
select t.oid                                                     as oid
     , n.nspname                                                 as schema
     , c.relname                                                 as relation_name
     , c.oid                                                     as relation
     , c.relkind                                                 as relkind
     , t.tgname                                                  as name
     , pg_catalog.pg_get_triggerdef(t.oid, false)                as definition
     , t.tgenabled                                               as state
     , t.tgparentid <> 0                                         as is_copy
     , array(select e.extname::text
               from pg_catalog.pg_depend d
               join pg_catalog.pg_extension e on e.oid = d.refobjid
              where d.classid = 'pg_catalog.pg_trigger'::regclass and d.objid = t.oid
                and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'x'
              order by e.extname)                                as depends_on_extensions
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_trigger t on t.tgrelid = c.oid
  left join pg_catalog.pg_trigger parent on parent.oid = t.tgparentid
 where not t.tgisinternal and t.tgparentid = 0
    or t.tgenabled <> parent.tgenabled
 order by n.nspname, c.relname, t.tgname

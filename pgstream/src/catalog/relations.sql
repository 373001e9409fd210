-- Every permanent relation that can be chosen: system schemas included, members of extensions not.
select c.oid                                                        as oid
     , n.nspname                                                    as schema
     , c.relname                                                    as name
     , c.relkind                                                    as relkind
     , c.relpersistence                                             as persistence
     , c.relispartition                                             as is_partition
     , c.relfilenode                                                as filenode
     , pg_catalog.pg_relation_filenode(c.oid)                       as current_filenode
     , owner.refobjid                                               as owner_table
     , coalesce(owner.deptype = 'i', false)                         as is_identity
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_depend owner
         on c.relkind = 'S'
        and owner.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and owner.objid = c.oid and owner.objsubid = 0
        and owner.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and owner.refobjsubid > 0
        and owner.deptype in ('a', 'i')
 where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
   and c.relpersistence <> 't'
   and n.nspname <> 'pg_toast'
   and not exists (
           select 1
             from pg_catalog.pg_depend member
            where member.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and member.objid = c.oid
              and member.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and member.deptype = 'e')
 order by n.nspname, c.relname, c.oid

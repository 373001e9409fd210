-- Schemas that a replacement keeps, and how far they are from what a new one is like.
select n.nspname                                                                     as name
     , n.nspname = 'public'                                                          as is_public
     , pg_catalog.pg_get_userbyid(n.nspowner)                                        as owner
     , case when n.nspname = 'public'
            -- @before 15: then (select r.rolname from pg_catalog.pg_roles r where r.oid = 10)
            then 'pg_database_owner'                                                   -- @since 15
            else pg_catalog.pg_get_userbyid(n.nspowner)
       end                                                                           as first_owner
     , coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), '')                as comment
     , array(select distinct case a.grantee when 0 then '' else pg_catalog.pg_get_userbyid(a.grantee)::text end
               from pg_catalog.aclexplode(n.nspacl) a
              order by 1)                                                            as grantees
     , coalesce(i.initprivs, n.nspacl) is not distinct from n.nspacl and i.initprivs is not null
       or n.nspacl is null                                                           as has_first_privileges
     -- @before 15: , true as public_may_create
     , false                                                                         as public_may_create -- @since 15
  from pg_catalog.pg_namespace n
  left join pg_catalog.pg_init_privs i
         on i.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and i.objoid = n.oid and i.objsubid = 0
 where n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
 order by n.nspname

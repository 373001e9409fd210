-- Functions and procedures, but for those that come with another object, as a range type's constructors do.
select p.oid                                                     as oid
     , n.nspname                                                 as schema
     , p.proname                                                 as name
     , pg_catalog.pg_get_userbyid(p.proowner)                    as owner
     , p.proacl::text[]                                          as acl
     , pg_catalog.acldefault('f', p.proowner)::text[]            as baseline
     , p.prokind                                                 as kind
     , pg_catalog.pg_get_function_arguments(p.oid)               as arguments
     , pg_catalog.pg_get_function_identity_arguments(p.oid)      as identity_arguments
     , pg_catalog.oidvectortypes(p.proargtypes)                  as argument_types
     , pg_catalog.pg_get_function_result(p.oid)                  as result
     , l.lanname                                                 as language
     , array(select pg_catalog.format_type(transform.type, null)
               from unnest(p.protrftypes) with ordinality as transform(type, position)
              order by transform.position)                       as transforms
     , p.provolatile                                             as volatility
     , p.proisstrict                                             as is_strict
     , p.prosecdef                                               as is_security_definer
     , p.proleakproof                                            as is_leakproof
     , p.procost::text                                           as cost
     , p.prorows::text                                           as rows
     , p.proretset                                               as returns_set
     , case when p.prosupport <> 0 then p.prosupport::text end   as support
     , p.proparallel                                             as parallel
     , p.proconfig                                               as settings
     , p.probin                                                  as library
     , p.prosrc                                                  as source
     , pg_catalog.pg_get_function_sqlbody(p.oid)                 as sql_body -- @since 14
  -- @before 14: , null::text                                    as sql_body
     , array(select e.extname::text
               from pg_catalog.pg_depend d
               join pg_catalog.pg_extension e on e.oid = d.refobjid
              where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid
                and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'x'
              order by e.extname)                                as depends_on_extensions
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
 where p.prokind <> 'a'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (select
                     from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')
 order by n.nspname, p.proname, argument_types

-- Foreign servers.
select s.oid                                                            as oid
     , s.srvname                                                        as name
     , pg_catalog.pg_get_userbyid(s.srvowner)                           as owner
     , s.srvacl::text[]                                                 as acl
     , pg_catalog.acldefault('S', s.srvowner)::text[]                   as baseline
     , w.fdwname                                                        as wrapper
     , s.srvtype                                                        as type
     , s.srvversion                                                     as version
     , array(select option.option_name
               from pg_catalog.pg_options_to_table(s.srvoptions) option
              order by option.option_name)                              as option_names
     , array(select coalesce(option.option_value, '')
               from pg_catalog.pg_options_to_table(s.srvoptions) option
              order by option.option_name)                              as option_values
  from pg_catalog.pg_foreign_server s
  join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw
 where s.oid >= 16384
 order by s.srvname

-- Foreign data wrappers.
select w.oid                                                            as oid
     , w.fdwname                                                        as name
     , pg_catalog.pg_get_userbyid(w.fdwowner)                           as owner
     , w.fdwacl::text[]                                                 as acl
     , pg_catalog.acldefault('F', w.fdwowner)::text[]                   as baseline
     , case when w.fdwhandler <> 0 then w.fdwhandler::pg_catalog.regproc::text end
                                                                        as handler
     , case when w.fdwvalidator <> 0 then w.fdwvalidator::pg_catalog.regproc::text end
                                                                        as validator
     , array(select option.option_name
               from pg_catalog.pg_options_to_table(w.fdwoptions) option
              order by option.option_name)                              as option_names
     , array(select coalesce(option.option_value, '')
               from pg_catalog.pg_options_to_table(w.fdwoptions) option
              order by option.option_name)                              as option_values
  from pg_catalog.pg_foreign_data_wrapper w
 where w.oid >= 16384
 order by w.fdwname

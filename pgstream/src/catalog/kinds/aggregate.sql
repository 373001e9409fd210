-- Aggregates.
select p.oid                                                     as oid
     , n.nspname                                                 as schema
     , p.proname                                                 as name
     , pg_catalog.pg_get_userbyid(p.proowner)                    as owner
     , p.proacl::text[]                                          as acl
     , pg_catalog.acldefault('f', p.proowner)::text[]            as baseline
     , pg_catalog.pg_get_function_arguments(p.oid)               as arguments
     , pg_catalog.pg_get_function_identity_arguments(p.oid)      as identity_arguments
     , pg_catalog.oidvectortypes(p.proargtypes)                  as argument_types
     , a.aggkind                                                 as kind
     , a.aggtransfn::regproc::text                               as transition
     , pg_catalog.format_type(a.aggtranstype, null)              as state_type
     , a.aggtransspace                                           as state_space
     , a.agginitval                                              as initial
     , nullif(a.aggfinalfn, 0)::regproc::text                    as final
     , a.aggfinalextra                                           as final_has_extra
     , a.aggfinalmodify                                          as final_modify
     , nullif(a.aggcombinefn, 0)::regproc::text                  as combine
     , nullif(a.aggserialfn, 0)::regproc::text                   as serialize
     , nullif(a.aggdeserialfn, 0)::regproc::text                 as deserialize
     , nullif(a.aggmtransfn, 0)::regproc::text                   as moving_transition
     , nullif(a.aggminvtransfn, 0)::regproc::text                as moving_inverse
     , pg_catalog.format_type(nullif(a.aggmtranstype, 0), null)  as moving_state_type
     , a.aggmtransspace                                          as moving_state_space
     , a.aggminitval                                             as moving_initial
     , nullif(a.aggmfinalfn, 0)::regproc::text                   as moving_final
     , a.aggmfinalextra                                          as moving_final_has_extra
     , a.aggmfinalmodify                                         as moving_final_modify
     , 'OPERATOR(' || pg_catalog.quote_ident(opn.nspname) || '.' || o.oprname || ')'
                                                                 as sort_operator
     , p.proparallel                                             as parallel
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_aggregate a on a.aggfnoid = p.oid
  left join pg_catalog.pg_operator o on o.oid = a.aggsortop
  left join pg_catalog.pg_namespace opn on opn.oid = o.oprnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, p.proname, argument_types

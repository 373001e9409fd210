-- Text search parsers.
select p.oid                                                      as oid
     , n.nspname                                                  as schema
     , p.prsname                                                  as name
     , p.prsstart::text                                           as start
     , p.prstoken::text                                           as get_token
     , p.prsend::text                                             as finish
     , case when p.prsheadline <> 0 then p.prsheadline::text end  as headline
     , p.prslextype::text                                         as token_types
  from pg_catalog.pg_ts_parser p
  join pg_catalog.pg_namespace n on n.oid = p.prsnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, p.prsname

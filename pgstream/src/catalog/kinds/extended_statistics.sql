-- Extended statistics on held relations: what to gather, not what was gathered.
-- $1  oid[]  relations that are held
select s.oid                                         as oid
     , n.nspname                                     as schema
     , s.stxname                                     as name
     , pg_catalog.pg_get_userbyid(s.stxowner)        as owner
     , s.stxrelid                                    as relation
     , pg_catalog.pg_get_statisticsobjdef(s.oid)     as definition
     , s.stxstattarget::int4                         as statistics_target
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_statistic_ext s on s.stxrelid = held.oid
  join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
 order by n.nspname, s.stxname

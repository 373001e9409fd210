-- Transforms between types and languages.
select t.oid                                                                     as oid
     , pg_catalog.format_type(t.trftype, null)                                   as data_type
     , l.lanname                                                                 as language
     , pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.proname)
       || '(' || pg_catalog.oidvectortypes(f.proargtypes) || ')'                 as from_sql
     , pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(p.proname)
       || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'                 as to_sql
  from pg_catalog.pg_transform t
  join pg_catalog.pg_language l on l.oid = t.trflang
  left join pg_catalog.pg_proc f on f.oid = t.trffromsql
  left join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
  left join pg_catalog.pg_proc p on p.oid = t.trftosql
  left join pg_catalog.pg_namespace tn on tn.oid = p.pronamespace
 where t.oid >= 16384
 order by data_type, l.lanname

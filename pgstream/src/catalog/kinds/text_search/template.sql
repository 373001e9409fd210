-- Text search templates.
select t.oid                                                as oid
     , n.nspname                                            as schema
     , t.tmplname                                           as name
     , case when t.tmplinit <> 0 then t.tmplinit::text end  as init
     , t.tmpllexize::text                                   as lexize
  from pg_catalog.pg_ts_template t
  join pg_catalog.pg_namespace n on n.oid = t.tmplnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, t.tmplname

-- Text search dictionaries. The options are kept by the server as the SQL that sets them.
select d.oid                                       as oid
     , n.nspname                                   as schema
     , d.dictname                                  as name
     , pg_catalog.pg_get_userbyid(d.dictowner)     as owner
     , pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.tmplname)
                                                   as template
     , d.dictinitoption                            as options
  from pg_catalog.pg_ts_dict d
  join pg_catalog.pg_namespace n on n.oid = d.dictnamespace
  join pg_catalog.pg_ts_template t on t.oid = d.dicttemplate
  join pg_catalog.pg_namespace tn on tn.oid = t.tmplnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, d.dictname

-- Text search configurations, with their mappings in the order of the token types' numbers.
select c.oid                                       as oid
     , n.nspname                                   as schema
     , c.cfgname                                   as name
     , pg_catalog.pg_get_userbyid(c.cfgowner)      as owner
     , pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.prsname)
                                                   as parser
     , array(select token.alias
               from pg_catalog.ts_token_type(c.cfgparser) token
              where exists (select from pg_catalog.pg_ts_config_map m where m.mapcfg = c.oid and m.maptokentype = token.tokid)
              order by token.tokid)                as tokens
     , array(select (select pg_catalog.string_agg(m.mapdict::pg_catalog.regdictionary::text, ', ' order by m.mapseqno)
                       from pg_catalog.pg_ts_config_map m
                      where m.mapcfg = c.oid and m.maptokentype = token.tokid)
               from pg_catalog.ts_token_type(c.cfgparser) token
              where exists (select from pg_catalog.pg_ts_config_map m where m.mapcfg = c.oid and m.maptokentype = token.tokid)
              order by token.tokid)                as dictionaries
  from pg_catalog.pg_ts_config c
  join pg_catalog.pg_namespace n on n.oid = c.cfgnamespace
  join pg_catalog.pg_ts_parser p on p.oid = c.cfgparser
  join pg_catalog.pg_namespace pn on pn.oid = p.prsnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, c.cfgname

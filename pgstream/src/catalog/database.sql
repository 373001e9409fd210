-- The database that this session is connected to.
select d.datname                                                   as name
     , d.oid                                                       as oid
     , pg_catalog.pg_get_userbyid(d.datdba)                        as owner
     , pg_catalog.pg_encoding_to_char(d.encoding)                  as encoding
     , d.datcollate::text                                          as collation
     , d.datctype::text                                            as character_type
     , d.datlocprovider                                            as locale_provider -- @since 15
  -- @before 15: , 'c'::"char"                                     as locale_provider
     , d.datlocale::text                                           as locale          -- @since 17
  -- @before 17: , null::text                                      as locale
     , t.spcname                                                   as tablespace
     , pg_catalog.current_setting('server_version')                as server_version
     , pg_catalog.current_setting('server_version_num')::int       as server_version_number
     , pg_catalog.version()                                        as version
     , pg_catalog.pg_is_in_recovery()                              as is_in_recovery
     , pg_catalog.pg_database_size(d.oid)                          as bytes
  from pg_catalog.pg_database d
  join pg_catalog.pg_tablespace t on t.oid = d.dattablespace
 where d.datname = pg_catalog.current_database()

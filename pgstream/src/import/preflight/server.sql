-- One end: the server, this database, this role, and the limits that count.
select d.datname::text                                                                as database
     , pg_catalog.pg_encoding_to_char(d.encoding)::text                               as encoding
     , d.datcollate::text                                                             as collation
     , d.datctype::text                                                               as character_type
     , d.datlocprovider                                                               as locale_provider  -- @since 15
  -- @before 15: , 'c'::"char"                                                        as locale_provider
     , coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale', '') as locale
     , pg_catalog.to_jsonb(d) ->> 'datcollversion'                                    as collation_version
     , pg_catalog.pg_database_collation_actual_version(d.oid)                         as actual_collation_version  -- @since 15
  -- @before 15: , null::text                                                         as actual_collation_version
     , r.rolname::text                                                                as role
     , r.rolsuper                                                                     as is_superuser
     , pg_catalog.has_database_privilege(d.oid, 'CREATE')                             as can_create_in_database
     , p.oid is not null                                                              as has_public
     , coalesce(pg_catalog.has_schema_privilege(p.oid, 'CREATE'), false)              as can_create_in_public
     , pg_catalog.has_parameter_privilege('session_replication_role', 'SET')          as can_be_replica  -- @since 15
  -- @before 15: , r.rolsuper                                                         as can_be_replica
     , pg_catalog.has_parameter_privilege('event_triggers', 'SET')                    as can_stop_event_triggers  -- @since 17
  -- @before 17: , false                                                              as can_stop_event_triggers
     , pg_catalog.pg_backend_pid()                                                    as backend_pid
     , pg_catalog.pg_is_in_recovery()                                                 as is_in_recovery
     , pg_catalog.current_setting('default_transaction_read_only')::bool              as is_read_only
     , pg_catalog.current_setting('hot_standby_feedback')::bool                       as hot_standby_feedback
     , pg_catalog.current_setting('max_standby_streaming_delay')                      as max_standby_streaming_delay
     , pg_catalog.current_setting('max_identifier_length')::int                       as max_identifier_length
     , pg_catalog.current_setting('max_connections')::int                             as max_connections
     , pg_catalog.current_setting('superuser_reserved_connections')::int              as reserved_for_superusers
     , coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int   as reserved_for_others
     , coalesce(pg_catalog.pg_has_role(u.oid, 'USAGE'), false)                        as may_use_reserved
     , coalesce((select pg_catalog.sum(s.numbackends) from pg_catalog.pg_stat_database s), 0)::int as used_connections
     , coalesce((select pg_catalog.sum(s.numbackends) from pg_catalog.pg_stat_database s where s.datid = d.oid), 0)::int as used_in_database
     , (select pg_catalog.count(*) from pg_catalog.pg_stat_activity a where a.usesysid = r.oid)::int as used_by_role
     , d.datconnlimit                                                                 as database_limit
     , r.rolconnlimit                                                                 as role_limit
     , pg_catalog.current_setting('max_locks_per_transaction')::int                   as max_locks_per_transaction
     , pg_catalog.current_setting('max_prepared_transactions')::int                   as max_prepared_transactions
     , (select g.setting from pg_catalog.pg_settings g where g.name = 'data_directory') as data_directory
     , nullif(pg_catalog.pg_tablespace_location(d.dattablespace), '')                 as tablespace_directory
     , pg_catalog.current_setting('port')::int                                        as port
     , (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint  as started_micros
  from pg_catalog.pg_database d
  join pg_catalog.pg_roles r on r.rolname = current_user
  left join pg_catalog.pg_namespace p on p.nspname = 'public'
  left join pg_catalog.pg_roles u on u.rolname = 'pg_use_reserved_connections'
 where d.datname = pg_catalog.current_database()

-- Who answers: the server, the database, and the marks that somebody or some hosting service left there.
-- No parameters. Every user may read all of this.
select pg_catalog.version()                                     as version
     , pg_catalog.current_setting('server_version')             as server_version
     , d.oid                                                    as database_oid
     , d.datname::text                                          as database_name
     , pg_catalog.pg_is_in_recovery()                           as is_in_recovery
     , pg_catalog.pg_backend_pid()                              as backend_pid
     , pg_catalog.host(pg_catalog.inet_server_addr())           as server_address
     , pg_catalog.inet_server_port()                            as server_port
     , pg_catalog.shobj_description(d.oid, 'pg_database')       as comment
     , pg_catalog.current_setting('pgstream.class', true)       as class_here
     , array(select unnest(s.setconfig)
               from pg_catalog.pg_db_role_setting s
              where s.setdatabase = d.oid
              order by 1)                                       as settings
     , array(select c.description
               from pg_catalog.pg_shdescription c
              where c.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
                and c.objoid <> d.oid
                and c.description like '%pgstream.class%'
              order by c.objoid)                                as neighbour_comments
     , array(select unnest(s.setconfig)
               from pg_catalog.pg_db_role_setting s
              where s.setdatabase not in (d.oid, 0)
              order by 1)                                       as neighbour_settings
     , array(select r.rolname::text
               from pg_catalog.pg_roles r
              where r.rolname in ('rdsadmin', 'supabase_admin', 'neon_superuser', 'cloudsqladmin')
              order by 1)                                       as hosting_roles
     , array(select s.name
               from pg_catalog.pg_settings s
              where s.name like any (array['rds.%', 'cloudsql.%', 'azure.%'])
              order by 1
              limit 3)                                          as hosting_settings
  from pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()

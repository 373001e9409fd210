-- Whether this very session holds the lock, in the database that it thinks it is in.
-- $1  int8  the lock's key
select pg_catalog.pg_backend_pid()  as backend_pid
     , exists (select
                 from pg_catalog.pg_locks l
                where l.locktype = 'advisory'
                  and l.pid = pg_catalog.pg_backend_pid()
                  and l.granted
                  and l.objsubid = 1
                  and l.database = (select d.oid
                                      from pg_catalog.pg_database d
                                     where d.datname = pg_catalog.current_database())
                  and ((l.classid::int8 << 32) | l.objid::int8) = $1)  as is_held

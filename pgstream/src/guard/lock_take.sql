-- Tries to take the random lock for the rest of the transaction.
-- $1  int8  the lock's key
select pg_catalog.pg_try_advisory_xact_lock($1)  as is_taken
     , pg_catalog.pg_backend_pid()               as backend_pid

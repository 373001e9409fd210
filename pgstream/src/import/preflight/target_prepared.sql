-- Prepared transactions of this database.
select p.gid as gid
  from pg_catalog.pg_prepared_xacts p
 where p.database = pg_catalog.current_database()
 order by 1

-- Who holds locks on relations: sessions first, then prepared transactions.
-- $1  oid[]  the relations
-- $2  int4   a server process that does not count
select a.pid                                                     as pid
     , pg_catalog.format('pid %s (user %s, application %s, %s since %s)', a.pid, a.usename, a.application_name, a.state
                        , pg_catalog.date_trunc('second', a.xact_start))  as what
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'relation'
   and l.granted
   and l.relation = any ($1::oid[])
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and l.pid <> $2::int4
 union
select null, pg_catalog.format('the prepared transaction %s', x.gid)
  from pg_catalog.pg_locks l
  join pg_catalog.pg_prepared_xacts x on l.virtualtransaction = '-1/' || x.transaction::text
 where l.locktype = 'relation'
   and l.relation = any ($1::oid[])
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
 order by 1
 limit 3

-- Security labels of users' objects, of large objects and of the columns of users' relations.
select l.classoid                         as class
     , l.objoid                           as oid
     , l.objsubid                         as column_number
     , l.provider                         as provider
     , l.label                            as label
  from pg_catalog.pg_seclabel l
 where l.objoid >= 16384
    or l.classoid = 'pg_catalog.pg_largeobject'::regclass
 order by 1, 2, 3, 4

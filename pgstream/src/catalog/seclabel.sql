-- Security labels of users' objects and of the columns of users' relations.
select l.classoid                         as class
     , l.objoid                           as oid
     , l.objsubid                         as column_number
     , l.provider                         as provider
     , l.label                            as label
  from pg_catalog.pg_seclabel l
 where l.objoid >= 16384
 order by 1, 2, 3, 4

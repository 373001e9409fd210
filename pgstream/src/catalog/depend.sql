-- What depends on what, as far as users' objects are concerned.
select d.classid                          as class
     , d.objid                            as oid
     , d.refclassid                       as referenced_class
     , d.refobjid                         as referenced_oid
     , d.deptype                          as deptype
  from pg_catalog.pg_depend d
 where d.objid >= 16384
   and d.refobjid >= 16384
   and d.deptype <> 'p'
   and (d.classid, d.objid) <> (d.refclassid, d.refobjid)
 group by 1, 2, 3, 4, 5
 order by 1, 2, 3, 4, 5

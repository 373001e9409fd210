-- What depends on what among the objects of users. Column 0 is the whole object.
select d.classid                     as class
     , d.objid                       as oid
     , d.objsubid                    as column_number
     , d.refclassid                  as referenced_class
     , d.refobjid                    as referenced_oid
     , d.refobjsubid                 as referenced_column
     , d.deptype                     as kind
  from pg_catalog.pg_depend d
 where d.objid >= 16384
   and d.refobjid >= 16384
   and d.deptype <> 'p'
 union all
-- No dependency that the server knows, but a subscription would lose the table without a word.
select 'pg_catalog.pg_subscription'::pg_catalog.regclass, r.srsubid, 0
     , 'pg_catalog.pg_class'::pg_catalog.regclass, r.srrelid, 0, 'n'
  from pg_catalog.pg_subscription_rel r
  join pg_catalog.pg_subscription u on u.oid = r.srsubid
 order by 1, 2, 3, 4, 5, 6, 7

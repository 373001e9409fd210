-- Procedural languages that were made without an extension, or with functions of the server's own.
select l.oid                                                  as oid
     , l.lanname                                              as name
     , pg_catalog.pg_get_userbyid(l.lanowner)                 as owner
     , l.lanacl::text[]                                       as acl
     , pg_catalog.acldefault('l', l.lanowner)::text[]         as baseline
     , l.lanpltrusted                                         as is_trusted
     , case when l.lanplcallfoid >= 16384 then l.lanplcallfoid::pg_catalog.regproc::text end
                                                              as handler
     , case when l.laninline <> 0 then l.laninline::pg_catalog.regproc::text end
                                                              as inline
     , case when l.lanvalidator <> 0 then l.lanvalidator::pg_catalog.regproc::text end
                                                              as validator
  from pg_catalog.pg_language l
 where l.lanispl and l.oid >= 16384
 order by l.lanname

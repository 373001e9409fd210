-- Large objects.
select l.oid                                                     as oid
     , pg_catalog.pg_get_userbyid(l.lomowner)                    as owner
     , l.lomacl::text[]                                          as acl
     , pg_catalog.acldefault('L', l.lomowner)::text[]            as baseline
  from pg_catalog.pg_largeobject_metadata l
 order by l.oid

-- Operators, less those that were only named by another one and never defined.
select o.oid                                                        as oid
     , n.nspname                                                    as schema
     , o.oprname                                                    as name
     , pg_catalog.pg_get_userbyid(o.oprowner)                       as owner
     , o.oprcode::text                                              as function
     , case when o.oprleft <> 0 then pg_catalog.format_type(o.oprleft, null) end
                                                                    as left_type
     , case when o.oprright <> 0 then pg_catalog.format_type(o.oprright, null) end
                                                                    as right_type
     , pg_catalog.quote_ident(cn.nspname) || '.' || c.oprname       as commutator
     , pg_catalog.quote_ident(gn.nspname) || '.' || g.oprname       as negator
     , o.oprcanmerge                                                as can_merge
     , o.oprcanhash                                                 as can_hash
     , case when o.oprrest <> 0 then o.oprrest::text end            as restriction_estimator
     , case when o.oprjoin <> 0 then o.oprjoin::text end            as join_estimator
  from pg_catalog.pg_operator o
  join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
  left join pg_catalog.pg_operator c on c.oid = o.oprcom
  left join pg_catalog.pg_namespace cn on cn.oid = c.oprnamespace
  left join pg_catalog.pg_operator g on g.oid = o.oprnegate
  left join pg_catalog.pg_namespace gn on gn.oid = g.oprnamespace
 where o.oprcode <> 0
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, o.oprname, left_type, right_type

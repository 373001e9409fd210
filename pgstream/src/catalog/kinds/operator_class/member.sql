-- Operators and functions of classes, and those that hang loose in a family: pg_depend tells which of the two a member belongs to.
select d.refclassid                                             as holder_class
     , d.refobjid                                               as holder
     , m.amopstrategy                                           as number
     , m.amopopr::pg_catalog.regoperator::text                  as operator
     , pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.opfname)
                                                                as sort_family
     , null::text                                               as function
     , null::text                                               as left_type
     , null::text                                               as right_type
     , 'pg_catalog.pg_operator'::pg_catalog.regclass::oid       as member_class
     , m.amopopr                                                as member
     , 1                                                        as position
  from pg_catalog.pg_amop m
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_amop'::pg_catalog.regclass and d.objid = m.oid
  left join pg_catalog.pg_opfamily f on f.oid = m.amopsortfamily
  left join pg_catalog.pg_namespace n on n.oid = f.opfnamespace
 where m.oid >= 16384
   and (d.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
        or d.refclassid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass and d.refobjid = m.amopfamily)
 union all
select d.refclassid
     , d.refobjid
     , m.amprocnum
     , null
     , null
     , m.amproc::pg_catalog.regprocedure::text
     , pg_catalog.format_type(m.amproclefttype, null)
     , pg_catalog.format_type(m.amprocrighttype, null)
     , 'pg_catalog.pg_proc'::pg_catalog.regclass::oid
     , m.amproc::oid
     , 2
  from pg_catalog.pg_amproc m
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_amproc'::pg_catalog.regclass and d.objid = m.oid
 where m.oid >= 16384
   and (d.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
        or d.refclassid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass and d.refobjid = m.amprocfamily)
 order by holder_class, holder, position, number, operator, function, left_type, right_type

-- Casts that users made. Those from a range to its multirange come with the range.
select c.oid                                                                as oid
     , pg_catalog.format_type(c.castsource, null)                           as source
     , pg_catalog.format_type(c.casttarget, null)                           as target
     , c.castcontext                                                        as context
     , c.castmethod                                                         as method
     , pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname)
       || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'            as function
  from pg_catalog.pg_cast c
  left join pg_catalog.pg_proc p on p.oid = c.castfunc
  left join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where c.oid >= 16384
   and not exists (select from pg_catalog.pg_range r where r.rngtypid = c.castsource and r.rngmultitypid = c.casttarget) -- @since 14
 order by source, target

-- Rules that users wrote, which leaves out those that make a relation a view.
-- $1  oid[]  relations that are held
select r.oid                                                     as oid
     , n.nspname                                                 as schema
     , c.relname                                                 as relation_name
     , c.oid                                                     as relation
     , r.rulename                                                as name
     , pg_catalog.pg_get_ruledef(r.oid)                          as definition
     , r.ev_enabled                                              as state
  from unnest($1::oid[]) as held(oid)
  join pg_catalog.pg_class c on c.oid = held.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_rewrite r on r.ev_class = c.oid
 where r.rulename <> '_RETURN' or r.ev_type <> '1'
 order by n.nspname, c.relname, r.rulename

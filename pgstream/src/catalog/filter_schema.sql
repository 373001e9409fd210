-- The schemas that each pattern matches.
-- $1  text[]  regular expressions
select pattern.number                                               as number
     , n.nspname                                                    as name
  from unnest($1::text[]) with ordinality as pattern(name, number)
  join pg_catalog.pg_namespace n on n.nspname::text ~ pattern.name collate pg_catalog."default"
 order by pattern.number, n.nspname

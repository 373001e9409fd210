-- The extensions that each pattern matches.
-- $1  text[]  regular expressions
select pattern.number                                               as number
     , e.extname                                                    as name
  from unnest($1::text[]) with ordinality as pattern(name, number)
  join pg_catalog.pg_extension e on e.extname::text ~ pattern.name collate pg_catalog."default"
 order by pattern.number, e.extname

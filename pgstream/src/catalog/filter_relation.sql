-- The relations that each pattern matches; a pattern without a schema matches only what an unqualified name can mean.
-- $1  text[]  regular expressions for schemas, null where a pattern names none
-- $2  text[]  regular expressions for names
-- $3  text[]  the schemas that are searched for unqualified names, in that order
with relation as (
    select c.oid
         , c.relname
         , c.relkind
         , n.nspname
         , place.number
         , pg_catalog.min(place.number) over (partition by c.relname) as first
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join unnest($3::text[]) with ordinality as place(schema, number) on place.schema = n.nspname::text
)
select pattern.number                                               as number
     , relation.oid                                                 as oid
  from unnest($1::text[], $2::text[]) with ordinality as pattern(schema, name, number)
  join relation
    on relation.relname::text ~ pattern.name collate pg_catalog."default"
   and case when pattern.schema is null then relation.number = relation.first
            else relation.nspname::text ~ pattern.schema collate pg_catalog."default"
       end
 where relation.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
 order by pattern.number, relation.oid

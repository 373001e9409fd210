-- Which of the wanted names are there, by kind, and whether this role may use them.
-- $1  text[]  tablespaces
-- $2  text[]  access methods
-- $3  text[]  languages
-- $4  text[]  collations of pg_catalog
select 'tablespace' as kind, t.spcname::text as name, pg_catalog.has_tablespace_privilege(t.oid, 'CREATE') as is_usable
  from pg_catalog.pg_tablespace t where t.spcname = any ($1::text[])
 union all
select 'access method', a.amname::text, true
  from pg_catalog.pg_am a where a.amname = any ($2::text[])
 union all
select 'language', l.lanname::text, pg_catalog.has_language_privilege(l.oid, 'USAGE')
  from pg_catalog.pg_language l where l.lanname = any ($3::text[])
 union all
select distinct 'collation', c.collname::text, true
  from pg_catalog.pg_collation c
  join pg_catalog.pg_namespace n on n.oid = c.collnamespace
  join pg_catalog.pg_database d on d.datname = pg_catalog.current_database()
 where n.nspname = 'pg_catalog' and c.collname = any ($4::text[]) and c.collencoding in (-1, d.encoding)
 order by 1, 2

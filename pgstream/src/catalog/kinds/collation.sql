-- Collations that users made. The version is not read: the target computes its own.
select c.oid                                        as oid
     , n.nspname                                    as schema
     , c.collname                                   as name
     , pg_catalog.pg_get_userbyid(c.collowner)      as owner
     , c.collprovider                               as provider
     , c.collisdeterministic                        as is_deterministic
     , c.collcollate::text                          as collate
     , c.collctype::text                            as character_type
     , c.colllocale                                 as locale -- @since 17
  -- @before 15: , c.collcollate::text              as locale
  -- @between 15 17: , c.colliculocale        as locale
     , c.collicurules                               as rules  -- @since 16
  -- @before 16: , null::text                       as rules
  from pg_catalog.pg_collation c
  join pg_catalog.pg_namespace n on n.oid = c.collnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, c.collname, c.collencoding

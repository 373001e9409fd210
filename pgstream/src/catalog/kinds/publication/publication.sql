-- Publications.
select p.oid                                       as oid
     , p.pubname                                   as name
     , pg_catalog.pg_get_userbyid(p.pubowner)      as owner
     , p.puballtables                              as is_for_all_tables
     , p.pubinsert                                 as publishes_insert
     , p.pubupdate                                 as publishes_update
     , p.pubdelete                                 as publishes_delete
     , p.pubtruncate                               as publishes_truncate
     , p.pubviaroot                                as is_via_partition_root
     , p.pubgencols = 's'                          as publishes_generated -- @since 18
  -- @before 18: , false                           as publishes_generated
  from pg_catalog.pg_publication p
 where p.oid >= 16384
 order by p.pubname

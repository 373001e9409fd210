-- The current database, and the schemas that this session searches for unqualified names.
select pg_catalog.current_database()                                as database
     , pg_catalog.current_schemas(true)::text[]                     as schemas

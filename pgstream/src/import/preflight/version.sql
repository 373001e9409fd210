-- What the server says it is. Look-alikes answer this one, whatever else they refuse.
select pg_catalog.version() as version_text

-- Purpose:  whether this is a Mendix database whose list of entities this role may read. Looks at the catalogue
--           instead of trying: a failed attempt would be noise in the database's log every hour.
-- Cost:     a few index look-ups.
-- Locks:    none on the app's tables.
-- Rights:   none. A grant on the two columns is enough for the answer to be yes.
-- Versions: tested on 15; uses nothing newer than 12.
SELECT pg_catalog.count(*) = 2
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = 'public'
  AND c.relname = 'mendixsystem$entity'
  AND c.relkind = 'r'
  AND a.attname IN ('entity_name', 'table_name')
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')

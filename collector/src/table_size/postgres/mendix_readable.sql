-- Purpose:  whether this is a Mendix database, and which of its two lists of names this role can read. Checks the
--           catalogue instead of trying: a failed attempt would log an error in the database every hour.
--           One row with two flags for each list: the table exists, and both its columns can be read.
-- Cost:     a few index look-ups.
-- Locks:    none on the app's tables.
-- Rights:   none. A grant on the two columns makes a list readable.
-- Versions: tested on 12, 15 and 18.
SELECT
  count(*) FILTER (WHERE c.relname = 'mendixsystem$entity') > 0 AS has_entities,
  count(*) FILTER (
    WHERE c.relname = 'mendixsystem$entity' AND a.attname IN ('entity_name', 'table_name')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  ) = 2 AS may_read_entities,
  count(*) FILTER (WHERE c.relname = 'mendixsystem$association') > 0 AS has_associations,
  count(*) FILTER (
    WHERE c.relname = 'mendixsystem$association' AND a.attname IN ('association_name', 'table_name')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  ) = 2 AS may_read_associations
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid
JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = 'public'
  AND c.relname IN ('mendixsystem$entity', 'mendixsystem$association')
  AND c.relkind = 'r'
  AND a.attnum > 0
  AND NOT a.attisdropped

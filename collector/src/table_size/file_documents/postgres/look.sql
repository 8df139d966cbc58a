-- Purpose:  whether there is a table of file documents with sizes that this role can read. Checks the catalogue instead
--           of trying: a failed attempt would log an error in the database every day.
-- Cost:     a few index look-ups.
-- Locks:    none on the app's tables.
-- Rights:   none. A grant on the two columns makes them readable.
-- Versions: tested on 15; uses nothing that 12 lacks.
SELECT
  count(*) > 0 AS has_table,
  count(*) FILTER (WHERE a.attname IN ('hascontents', 'size')) = 2 AS has_columns,
  count(*) FILTER (
    WHERE a.attname IN ('hascontents', 'size')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  ) = 2 AS may_read
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid
JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = 'public'
  AND c.relname = 'system$filedocument'
  AND c.relkind IN ('r', 'p')
  AND a.attnum > 0
  AND NOT a.attisdropped

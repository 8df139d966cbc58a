-- Purpose:  every table that holds rows, with the bytes of heap, TOAST and indexes and the rows by the last analysis.
--           Materialised views ('m') are tables to whoever pays for the disk. Partitions are ordinary tables ('r') and
--           appear once each; their parents ('p') hold nothing and are left out. Temporary tables are left out.
-- Sizes:    heap is the main fork with the free space map, the visibility map and the init fork of an unlogged
--           table; TOAST includes its index. Each part is read once and the total is their sum, because a table may
--           grow between two calls. NULL: the relation was dropped since the statement began.
-- Estimate: -1 stands for "never analysed"; before version 14 that was 0 rows in 0 pages.
-- Cost:     one look at each file of the database: about 0.2 ms for a table, 2 s for 10,000 (two cores).
-- Locks:    the size functions take ACCESS SHARE on one relation at a time and release it at once; they wait behind
--           ACCESS EXCLUSIVE for as long as lock_timeout allows, and then the statement fails.
-- Rights:   none on the tables. Everything is qualified, so a search_path cannot redirect it.
-- Versions: tested on 15; uses nothing newer than 12.
SELECT
  n.nspname::text AS schema_name,
  c.relname::text AS table_name,
  pg_catalog.pg_relation_size(c.oid, 'main')
    + pg_catalog.pg_relation_size(c.oid, 'fsm')
    + pg_catalog.pg_relation_size(c.oid, 'vm')
    + pg_catalog.pg_relation_size(c.oid, 'init') AS heap_bytes,
  CASE
    WHEN c.reltoastrelid = 0 THEN 0
    ELSE pg_catalog.pg_total_relation_size(c.reltoastrelid)
  END AS toast_bytes,
  pg_catalog.pg_indexes_size(c.oid) AS index_bytes,
  CASE
    WHEN c.reltuples < 0 THEN NULL
    WHEN c.reltuples = 0 AND c.relpages = 0
      AND pg_catalog.current_setting('server_version_num')::integer < 140000 THEN NULL
    ELSE c.reltuples::bigint
  END AS row_estimate
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')

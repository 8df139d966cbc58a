-- Purpose:  one batch of the relations that hold rows or partitions, ordered by id, with the bytes of heap, TOAST and
--           indexes, and the server's statistics. $1: the last id of the previous batch. $2: maximum number of rows.
--           $3: whether to call no size function at all. $4: whether names are escaped, because the server cannot convert
--           one to UTF-8.
--           Materialised views ('m') count as tables because they use disk space. Partitions are ordinary tables ('r')
--           with a parent; partitioned tables ('p') hold no rows themselves. Catalogues that all databases share are
--           omitted: they are not in this database's bytes. Foreign tables hold nothing here.
-- Sizes:    heap is the main fork with the free space map, the visibility map and the init fork of an unlogged
--           table; TOAST includes its index. Each part is read once and the total is their sum, because a table may
--           grow between two calls. NULL: the relation was dropped since the statement started.
-- Locked:   the size functions open a relation with ACCESS SHARE, which waits behind ACCESS EXCLUSIVE, granted or only
--           requested (a reader, then an ALTER TABLE, then us). A table with such a lock on it, its TOAST table or an
--           index, granted or not, is not opened: its sizes are the pages of the last vacuum or analysis, and is_locked
--           is true. A TOAST table without such a lock of its own is still read. A lock taken later costs lock_timeout,
--           and the batch is repeated.
-- Unknown:  -1 rows mean "never vacuumed or analysed"; before version 14 the same was 0 rows in 0 pages, as for a table
--           that was empty then. A locked part in that state is NULL, whatever its pages are: creating an index writes
--           its one page before there are rows. An analysis does not visit the TOAST table. A vacuum without an analysis
--           may skip indexes: a full index without rows on a table with rows was never visited.
-- Pages:    are unsigned numbers in a signed column: a relation of more than 16 TiB has a negative one.
-- Detached: a partition whose concurrent detach is pending is no longer read through its parent. The column exists since
--           version 14, so it is looked up by its name.
-- Children: tables that inherit from a table that is not partitioned, such as the chunks of a TimescaleDB hypertable.
-- Replica:  counts of dead rows and times of maintenance are the server's own, and a replica does no maintenance.
-- Cost:     as pg_total_relation_size for each table: about 0.1 ms with two indexes and TOAST. One read of the list of
--           locks for each batch.
-- Locks:    ACCESS SHARE on one relation at a time, released before the next one is opened.
-- Rights:   none on the tables. The transaction's search_path is pg_catalog alone.
-- Versions: tested on 12, 15 and 18.
WITH locked AS MATERIALIZED (
  SELECT l.relation AS oid
  FROM pg_locks AS l
  WHERE l.locktype = 'relation'
    AND l.mode = 'AccessExclusiveLock'
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
),
locked_tables AS MATERIALIZED (
  SELECT oid FROM locked
  UNION
  SELECT x.indrelid FROM locked JOIN pg_index AS x ON x.indexrelid = locked.oid
),
version AS MATERIALIZED (
  SELECT
    current_setting('server_version_num')::integer < 140000 AS has_no_minus_one,
    pg_is_in_recovery() AS is_replica
),
batch AS MATERIALIZED (
  SELECT
    c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relispartition, c.relhassubclass, c.reltoastrelid,
    c.relhasindex,
    c.relpages::bigint & 4294967295 AS relpages, c.reltuples, v.is_replica,
    c.reltuples < 0 OR c.reltuples = 0 AND c.relpages = 0 AND v.has_no_minus_one AS is_unknown,
    $3 OR c.oid IN (SELECT oid FROM locked_tables) OR c.reltoastrelid IN (SELECT oid FROM locked_tables) AS is_locked,
    $3 OR c.reltoastrelid IN (SELECT oid FROM locked_tables) AS is_toast_locked
  FROM pg_class AS c CROSS JOIN version AS v
  WHERE c.oid > $1 AND c.relkind IN ('r', 'm', 'p') AND NOT c.relisshared
  ORDER BY c.oid
  LIMIT $2
)
SELECT
  b.oid,
  CASE WHEN $4 THEN encode(convert_to(n.nspname::text, getdatabaseencoding()), 'escape')
    ELSE n.nspname::text END AS schema_name,
  CASE WHEN $4 THEN encode(convert_to(b.relname::text, getdatabaseencoding()), 'escape')
    ELSE b.relname::text END AS table_name,
  b.relkind::text AS kind,
  b.relpersistence::text AS persistence,
  i.inhparent AS parent,
  CASE WHEN b.relhassubclass AND b.relkind = 'r' THEN (
    SELECT array_agg(child.inhrelid) FROM pg_inherits AS child WHERE child.inhparent = b.oid
  ) END AS children,
  n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS is_catalogue,
  b.is_locked,
  b.is_replica,
  CASE
    WHEN b.relkind = 'p' THEN 0
    WHEN b.is_locked AND b.is_unknown THEN NULL
    WHEN b.is_locked THEN b.relpages * current_setting('block_size')::bigint
    ELSE pg_relation_size(b.oid, 'main')
      + pg_relation_size(b.oid, 'fsm')
      + pg_relation_size(b.oid, 'vm')
      + CASE WHEN b.relpersistence = 'u' THEN pg_relation_size(b.oid, 'init') ELSE 0 END
  END AS heap_bytes,
  CASE
    WHEN b.reltoastrelid = 0 THEN 0
    WHEN b.is_toast_locked THEN (
      SELECT current_setting('block_size')::bigint * ((t.relpages::bigint & 4294967295) + (
        SELECT coalesce(sum(ti.relpages::bigint & 4294967295), 0)::bigint
        FROM pg_index AS x JOIN pg_class AS ti ON ti.oid = x.indexrelid
        WHERE x.indrelid = t.oid
      ))
      FROM pg_class AS t CROSS JOIN version AS v
      WHERE t.oid = b.reltoastrelid
        AND NOT (t.reltuples < 0 OR t.reltuples = 0 AND t.relpages = 0 AND v.has_no_minus_one)
    )
    ELSE pg_total_relation_size(b.reltoastrelid)
  END AS toast_bytes,
  CASE
    WHEN b.relkind = 'p' OR NOT b.relhasindex THEN 0
    WHEN b.is_locked THEN (
      SELECT CASE
        WHEN bool_or(b.reltuples > 0 AND ix.reltuples <= 0 AND x.indpred IS NULL) THEN NULL
        ELSE current_setting('block_size')::bigint * coalesce(sum(ix.relpages::bigint & 4294967295), 0)::bigint
      END
      FROM pg_index AS x JOIN pg_class AS ix ON ix.oid = x.indexrelid
      WHERE x.indrelid = b.oid
    )
    ELSE pg_indexes_size(b.oid)
  END AS index_bytes,
  CASE WHEN NOT b.is_unknown AND b.reltuples < 9e18 THEN b.reltuples::bigint END AS row_estimate,
  CASE WHEN b.relkind <> 'p' AND NOT b.is_replica THEN pg_stat_get_dead_tuples(b.oid) END AS dead_row_estimate,
  greatest(pg_stat_get_last_vacuum_time(b.oid), pg_stat_get_last_autovacuum_time(b.oid)) AS last_vacuum_at,
  greatest(pg_stat_get_last_analyze_time(b.oid), pg_stat_get_last_autoanalyze_time(b.oid)) AS last_analyze_at
FROM batch AS b
JOIN pg_namespace AS n ON n.oid = b.relnamespace
LEFT JOIN pg_inherits AS i ON i.inhrelid = b.oid AND b.relispartition
  AND NOT coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false)
ORDER BY b.oid

"""The queries that our collector is compared with: the bare query, and equivalents of those of other programs.

Written from their documentation and sources in the versions named here: the same relations, the same size functions
equally often, the same joins, statistics, order and limit, so that the server does the same work. Column names and
layout are our own. What those programs do with the rows is not measured.
"""

NOT_SYSTEM = "n.nspname NOT IN ('pg_catalog', 'information_schema')"

# The minimum that returns the size of every table: one total each, without parts, statistics or care for locks.
BARE = f"""
SELECT n.nspname, c.relname, pg_total_relation_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND {NOT_SYSTEM}
"""

# Also the size of the database, which ours reports too: the server looks at every file once more for that.
BARE_AND_DATABASE = f"{BARE} UNION ALL SELECT '', '', pg_database_size(current_database())"

# The cheapest statement that we know of with all numbers of ours: each file is looked at once for its table's part, and
# once for the database. It does without batches, time limits and names that cannot be shown, and waits for locks.
CHEAPEST = """
SELECT n.nspname, c.relname, c.oid, c.relkind, c.relpersistence,
  pg_relation_size(c.oid, 'main') + pg_relation_size(c.oid, 'fsm') + pg_relation_size(c.oid, 'vm'),
  CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END,
  CASE WHEN c.relhasindex THEN pg_indexes_size(c.oid) ELSE 0 END,
  c.reltuples, pg_stat_get_dead_tuples(c.oid),
  greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)),
  greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND NOT c.relisshared
UNION ALL SELECT '', '', 0, '', '', pg_database_size(current_database()), 0, 0, 0, 0, NULL, NULL
"""

# postgres_exporter 0.20.1, collector stat_user_tables: every table that has statistics.
POSTGRES_EXPORTER = """
SELECT
  current_database(), u.schemaname, u.relname, pg_table_size(u.relid), pg_indexes_size(u.relid),
  u.seq_scan, u.seq_tup_read, u.idx_scan, u.idx_tup_fetch, u.n_tup_ins, u.n_tup_upd, u.n_tup_del, u.n_tup_hot_upd,
  u.n_live_tup, u.n_dead_tup, u.n_mod_since_analyze, u.vacuum_count, u.autovacuum_count, u.analyze_count,
  u.autoanalyze_count, coalesce(u.last_vacuum, 'epoch'), coalesce(u.last_autovacuum, 'epoch'),
  coalesce(u.last_analyze, 'epoch'), coalesce(u.last_autoanalyze, 'epoch')
FROM pg_stat_user_tables AS u
"""

# pgwatch 5.3.0, metric table_stats for PostgreSQL 14 and 15: tables that are not locked and, summed, roots of
# partitions; the 300 largest of both.
PGWATCH = r"""
WITH RECURSIVE roots AS (
  SELECT c.oid, n.nspname, c.relname
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('p', 'r') AND c.relpersistence <> 't'
    AND NOT n.nspname LIKE ANY (ARRAY[E'pg\\_%', 'information_schema', E'\\_timescaledb%'])
    AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
    AND EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid)
),
parts (oid, root) AS (
  SELECT r.oid, r.oid FROM roots AS r
  UNION ALL
  SELECT i.inhrelid, p.root FROM pg_inherits AS i JOIN parts AS p ON p.oid = i.inhparent
    JOIN pg_class AS c ON c.oid = i.inhrelid
),
found AS (
  SELECT
    u.relid, quote_ident(u.schemaname) AS of_schema, quote_ident(u.relname) AS of_table,
    pg_table_size(u.relid) AS table_bytes,
    abs(greatest(ceil(log((pg_table_size(u.relid) + 1) / 10 ^ 6)), 0))::text AS magnitude,
    pg_total_relation_size(u.relid) AS total_bytes,
    CASE WHEN c.reltoastrelid <> 0 THEN pg_total_relation_size(c.reltoastrelid) ELSE 0 END AS toast_bytes,
    extract(epoch FROM now() - greatest(u.last_vacuum, u.last_autovacuum))::bigint AS since_vacuum,
    extract(epoch FROM now() - greatest(u.last_analyze, u.last_autoanalyze))::bigint AS since_analyze,
    CASE WHEN 'autovacuum_enabled=off' = ANY (c.reloptions) THEN 1 ELSE 0 END AS is_off,
    u.seq_scan, u.seq_tup_read, coalesce(u.idx_scan, 0) AS idx_scan, coalesce(u.idx_tup_fetch, 0) AS idx_tup_fetch,
    u.n_tup_ins, u.n_tup_upd, u.n_tup_del, u.n_tup_hot_upd, u.n_live_tup, u.n_dead_tup, u.vacuum_count,
    u.autovacuum_count, u.analyze_count, u.autoanalyze_count,
    CASE WHEN c.relkind <> 'p' THEN age(c.relfrozenxid) ELSE 0 END AS age
  FROM pg_stat_user_tables AS u JOIN pg_class AS c ON c.oid = u.relid
  WHERE NOT EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = u.relid AND l.mode = 'AccessExclusiveLock')
    AND c.relpersistence <> 't'
)
SELECT of_schema, of_table, 0 AS is_root, table_bytes, magnitude, total_bytes, toast_bytes, since_vacuum,
  since_analyze, is_off, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del,
  n_tup_hot_upd, n_live_tup, n_dead_tup, vacuum_count, autovacuum_count, analyze_count, autoanalyze_count, age
FROM found
WHERE NOT of_schema LIKE E'\\_timescaledb%' AND NOT EXISTS (SELECT FROM roots AS r WHERE r.oid = found.relid)
UNION ALL
SELECT quote_ident(r.nspname), quote_ident(r.relname), 1, sum(f.table_bytes),
  abs(greatest(ceil(log((sum(f.table_bytes) + 1) / 10 ^ 6)), 0))::text, sum(f.total_bytes), sum(f.toast_bytes),
  min(f.since_vacuum), min(f.since_analyze), sum(f.is_off), sum(f.seq_scan), sum(f.seq_tup_read), sum(f.idx_scan),
  sum(f.idx_tup_fetch), sum(f.n_tup_ins), sum(f.n_tup_upd), sum(f.n_tup_del), sum(f.n_tup_hot_upd),
  sum(f.n_live_tup), sum(f.n_dead_tup), sum(f.vacuum_count), sum(f.autovacuum_count), sum(f.analyze_count),
  sum(f.autoanalyze_count), max(f.age)
FROM found AS f JOIN parts AS p ON p.oid = f.relid JOIN roots AS r ON r.oid = p.root
GROUP BY r.nspname, r.relname
ORDER BY table_bytes DESC NULLS LAST
LIMIT 300
"""

# PgHero 4.0.1, relation_sizes: one row per table, materialised view and index.
PGHERO = f"""
SELECT n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'm' THEN 'matview' ELSE 'index' END,
  pg_table_size(c.oid)
FROM pg_class AS c LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE {NOT_SYSTEM} AND n.nspname !~ '^pg_toast' AND c.relkind IN ('r', 'm', 'i')
ORDER BY pg_table_size(c.oid) DESC, 2
"""

POSTGRES = {
    "bare query": BARE, "bare and database": BARE_AND_DATABASE, "same numbers": CHEAPEST, "postgres_exporter": POSTGRES_EXPORTER,
    "pgwatch": PGWATCH, "PgHero": PGHERO,
}

# mysqld_exporter 0.17, collector info_schema.tables, for one schema: what the engines report for every table.
MYSQLD_EXPORTER = """
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ifnull(ENGINE, 'NONE'), ifnull(VERSION, '0'), ifnull(ROW_FORMAT, 'NONE'),
  ifnull(TABLE_ROWS, '0'), ifnull(DATA_LENGTH, '0'), ifnull(INDEX_LENGTH, '0'), ifnull(DATA_FREE, '0'),
  ifnull(CREATE_OPTIONS, 'NONE')
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE()
"""

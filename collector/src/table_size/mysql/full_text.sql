-- Purpose:  tables of the current database that have full-text indexes. Used on MySQL 8 only, if InnoDB's own list of
--           tables, which maps the files of such indexes to tables, could not be read.
-- Cost:     reads the server's dictionary; no table is opened.
-- Locks:    none.
-- Rights:   as tables.sql.
-- Versions: tested on MySQL 9.7; the same in MySQL 8.
SELECT DISTINCT SQL_CALC_FOUND_ROWS TABLE_NAME
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = DATABASE() AND INDEX_TYPE = 'FULLTEXT'

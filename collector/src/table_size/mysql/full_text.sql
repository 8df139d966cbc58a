-- Purpose:  which tables of the current database have full-text indexes. Asked of MySQL 8 alone, and only when InnoDB's
--           own list of tables, which tells whose the files of such indexes are, could not be read.
-- Cost:     a look into the server's dictionary; no table is opened.
-- Locks:    none.
-- Rights:   as tables.sql.
-- Versions: tested by hand on MySQL 9.7; the same in MySQL 8.
SELECT DISTINCT TABLE_NAME
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = DATABASE() AND INDEX_TYPE = 'FULLTEXT'

-- Purpose:  InnoDB's spelling of names with non-ASCII characters; all other names are encoded by us.
-- Cost:     a list of names: 0.2 s for 10,000 tables (MariaDB 10.11, two cores); no table is opened.
-- Locks:    none.
-- Rights:   as tables.sql.
-- Versions: tested on MariaDB 10.11; the same in MySQL 5.7 (not tested). Not used on MySQL 8 and newer: 9.7 lacks
--           this character set, and file names are not encoded there.
SELECT SQL_CALC_FOUND_ROWS TABLE_NAME, CAST(CONVERT(TABLE_NAME USING filename) AS BINARY)
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND LENGTH(TABLE_NAME) <> CHAR_LENGTH(TABLE_NAME)
UNION ALL
SELECT DATABASE(), CAST(CONVERT(DATABASE() USING filename) AS BINARY)

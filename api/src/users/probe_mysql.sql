-- Returns the columns of some tables that this account may read.
--
-- Columns without a right are not among them: information_schema hides those. Reads definitions only.
-- Tested on MariaDB 10.11, and by hand on MySQL 9.7.
SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR)
FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN ({{tables}}) AND privileges LIKE '%select%'

-- Returns the columns of some tables that this account may read.
--
-- information_schema hides columns that may not be read. Reads definitions only.
-- Tested on MariaDB 10.11 and MySQL 9.7.
SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR)
FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN ({{tables}}) AND privileges LIKE '%select%'

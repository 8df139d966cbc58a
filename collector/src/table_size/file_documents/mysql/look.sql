-- Purpose:  whether there is a table of file documents.
-- Cost:     one look-up.
-- Locks:    none that waits.
-- Rights:   SHOW VIEW on the database, or any right on the table.
-- Versions: tested on MariaDB 10.11; uses nothing that MySQL 5.7 lacks.
SELECT COUNT(*)
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'system$filedocument'

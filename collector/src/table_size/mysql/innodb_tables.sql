-- Purpose:  which InnoDB tables, partitions and parts of full-text indexes one database has, and in which file each
--           is; whether that file is its own.
-- Cost:     one scan of InnoDB's dictionary: 0.1 s for 10,000 tables (MariaDB 10.11, two cores).
-- Locks:    none on tables in MariaDB and MySQL 5.7. MySQL 8 takes the shared lock of the definition of each table of the
--           server: behind one that is held or waited for exclusively it ends with lock_wait_timeout, and files alone
--           are told.
-- Rights:   PROCESS.
-- Versions: tested on MariaDB 10.11, and by hand on MySQL 9.7, which as MySQL 8 calls it INNODB_TABLES. The same in
--           MySQL 5.7 (not tested).
SELECT
  CAST(TABLE_ID AS UNSIGNED),
  CAST(NAME AS BINARY),
  CAST(SPACE AS UNSIGNED),
  CAST(SPACE_TYPE <> 'Single' AS SIGNED)
FROM information_schema.INNODB_SYS_TABLES
WHERE CAST(SUBSTRING_INDEX(NAME, '/', 1) AS BINARY) IN (CAST(? AS BINARY), CAST(? AS BINARY))
  AND NAME LIKE '%/%'

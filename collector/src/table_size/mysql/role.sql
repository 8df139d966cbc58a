-- Purpose:  what tells a replica from a primary: whether the storage engine and the server refuse writes, and how many of
--           the server's own threads receive from a primary. Each source of a replica has one, also while it tries to
--           connect again; a stopped one has none.
-- Cost:     the list of sessions.
-- Locks:    none.
-- Rights:   PROCESS for the threads; without it, there seem to be none.
-- Versions: tested on MariaDB 10.11 and MySQL 9.7. MariaDB calls the command Slave_IO, MySQL Connect. In MariaDB 12
--           read_only has words in place of a number.
SELECT
  CAST(@@global.innodb_read_only AS CHAR),
  CAST(@@global.read_only AS CHAR),
  (
    SELECT CAST(COUNT(*) AS SIGNED)
    FROM information_schema.PROCESSLIST
    WHERE USER = 'system user' AND COMMAND IN ('Slave_IO', 'Connect')
  )

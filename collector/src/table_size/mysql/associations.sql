-- Purpose:  the table of each Mendix association, by the runtime's own catalogue. In reverse order of the names: if two
--           associations claim one table, the first by name remains when the rows are read into a map.
-- Cost:     one scan of a few hundred rows.
-- Locks:    the shared metadata lock of this one table.
-- Rights:   SELECT on the two columns; without it, tables are reported without associations.
-- Versions: tested on MariaDB 10.11; uses nothing that MySQL 5.7 lacks.
SELECT SQL_CALC_FOUND_ROWS table_name, association_name
FROM `mendixsystem$association`
WHERE table_name IS NOT NULL AND association_name IS NOT NULL
ORDER BY association_name DESC

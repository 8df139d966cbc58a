-- Purpose:  the table of each Mendix entity, by the runtime's own catalogue. In reverse order of the names: if two
--           entities claim one table, the first by name remains when the rows are read into a map.
-- Cost:     one scan of a few hundred rows.
-- Locks:    the shared metadata lock of this one table.
-- Rights:   SELECT on the two columns; without it, tables are reported without entities.
-- Versions: tested on MariaDB 10.11; uses nothing that MySQL 5.7 lacks.
SELECT SQL_CALC_FOUND_ROWS table_name, entity_name
FROM `mendixsystem$entity`
WHERE table_name IS NOT NULL AND entity_name IS NOT NULL
ORDER BY entity_name DESC

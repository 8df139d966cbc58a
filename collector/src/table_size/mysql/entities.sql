-- Purpose:  which table belongs to which Mendix entity, by the runtime's own list. In reverse order of the names:
--           should two entities claim one table, the first by name stays when the rows are read into a map.
-- Cost:     one scan of a few hundred rows.
-- Locks:    the shared lock of this one table's definition.
-- Rights:   SELECT on the two columns; without, sizes come without entities.
-- Versions: tested on MariaDB 10.11; uses nothing that MySQL 5.7 lacks.
SELECT table_name, entity_name
FROM `mendixsystem$entity`
WHERE table_name IS NOT NULL AND entity_name IS NOT NULL
ORDER BY entity_name DESC

-- Purpose:  which table holds which Mendix association, by the runtime's own list. In reverse order of the names:
--           should two associations claim one table, the first by name stays when the rows are read into a map.
-- Cost:     one scan of a few hundred rows.
-- Locks:    the shared lock of this one table's definition.
-- Rights:   SELECT on the two columns; without, sizes come without associations.
-- Versions: tested on MariaDB 10.11; uses nothing that MySQL 5.7 lacks.
SELECT table_name, association_name
FROM `mendixsystem$association`
WHERE table_name IS NOT NULL AND association_name IS NOT NULL
ORDER BY association_name DESC

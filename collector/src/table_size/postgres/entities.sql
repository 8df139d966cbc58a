-- Purpose:  which table belongs to which Mendix entity, by the runtime's own list; names alone do not tell, as
--           long ones are shortened. In reverse order of the names: should two entities claim one table, the first
--           by name stays when the rows are read into a map.
-- Cost:     one scan of a few hundred rows.
-- Locks:    ACCESS SHARE on this one table of the runtime's catalogue.
-- Rights:   SELECT on the two columns; see entities_readable.sql.
-- Versions: tested on 15; uses nothing newer than 12.
SELECT e.table_name::text, e.entity_name::text
FROM public."mendixsystem$entity" AS e
WHERE e.table_name IS NOT NULL AND e.entity_name IS NOT NULL
ORDER BY e.entity_name DESC

-- Purpose:  which table belongs to which Mendix entity or association, by the runtime's own list; names alone do not
--           tell, as long ones are shortened. Entities come last, and each kind in reverse order of the names: should
--           two claim one table, an entity stays before an association and the first by name before others, when the
--           rows are read into a map.
-- Cost:     two scans of a few hundred rows.
-- Locks:    ACCESS SHARE on these two tables of the runtime's catalogue.
-- Rights:   SELECT on the four columns; see mendix_readable.sql, which says which part of this may be asked.
-- Versions: tested on 12, 15 and 18. The columns are in the catalogues of all Mendix versions seen.
SELECT a.table_name::text, a.association_name::text, false AS is_entity
FROM public."mendixsystem$association" AS a
WHERE a.table_name IS NOT NULL AND a.association_name IS NOT NULL
UNION ALL
SELECT e.table_name::text, e.entity_name::text, true
FROM public."mendixsystem$entity" AS e
WHERE e.table_name IS NOT NULL AND e.entity_name IS NOT NULL
ORDER BY 3, 2 DESC

-- Purpose:  the table of each Mendix entity and association, by the runtime's own catalogue. The name of a table does
--           not determine it, because long names are shortened. Entities come last, and each kind in reverse order of
--           the names. If two claim one table and the rows are read into a map, an entity wins over an association,
--           and the first by name wins within a kind.
-- Cost:     two scans of a few hundred rows.
-- Locks:    ACCESS SHARE on these two tables of the runtime's catalogue.
-- Rights:   SELECT on the four columns; mendix_readable.sql checks which of them the role has.
-- Versions: tested on 12, 15 and 18. The columns are in the catalogues of all Mendix versions seen.
SELECT a.table_name::text, a.association_name::text AS name, false AS is_entity
FROM public."mendixsystem$association" AS a
WHERE a.table_name IS NOT NULL AND a.association_name IS NOT NULL
UNION ALL
SELECT e.table_name::text, e.entity_name::text, true
FROM public."mendixsystem$entity" AS e
WHERE e.table_name IS NOT NULL AND e.entity_name IS NOT NULL
ORDER BY 3, 2 DESC

-- Purpose:  as mendix_names.sql, for a role that can read the entities but not the associations.
-- Cost:     one scan of a few hundred rows.
-- Locks:    ACCESS SHARE on this one table of the runtime's catalogue.
-- Rights:   SELECT on the two columns.
-- Versions: tested on 15; uses nothing newer than 12.
SELECT e.table_name::text, e.entity_name::text AS name, true AS is_entity
FROM public."mendixsystem$entity" AS e
WHERE e.table_name IS NOT NULL AND e.entity_name IS NOT NULL
ORDER BY 2 DESC

-- Returns how users relate to roles, sessions, reports and identifiers, from Mendix's own catalogue: names of tables
-- and columns are looked up, never computed.
--
-- An association is a separate table or, if its first column is the owner's "id", a column of the owner.
-- Tested on PostgreSQL 15 and MariaDB 10.11.
SELECT CAST(a."association_name" AS {{text}}) AS association,
       CAST(p."entity_name" AS {{text}}) AS parent,
       CAST(c."entity_name" AS {{text}}) AS child,
       CAST(p."table_name" AS {{text}}) AS parent_table,
       CAST(c."table_name" AS {{text}}) AS child_table,
       CAST(CASE WHEN a."parent_column_name" = 'id' THEN p."table_name" ELSE a."table_name" END AS {{text}}) AS link_table,
       CAST(a."parent_column_name" AS {{text}}) AS parent_column,
       CAST(a."child_column_name" AS {{text}}) AS child_column
FROM {{schema}}"mendixsystem$association" a
JOIN {{schema}}"mendixsystem$entity" p ON p."id" = a."parent_entity_id"
JOIN {{schema}}"mendixsystem$entity" c ON c."id" = a."child_entity_id"
WHERE a."association_name" IN ('System.UserRoles', 'System.Session_User', 'System.UserReportInfo_User')
   -- Without the users who created or changed an identifier, which an entity may store too.
   OR (a."association_name" NOT IN ('System.owner', 'System.changedBy')
       AND (p."entity_name" = 'UserCommons.NamedUserIdentifier' AND c."entity_name" = 'System.User'
            OR c."entity_name" = 'UserCommons.NamedUserIdentifier' AND p."entity_name" = 'System.User'))
ORDER BY a."association_name"

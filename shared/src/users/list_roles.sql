-- Returns the roles of some users, ordered by user and name. The ids are numbers from an earlier statement.
SELECT CAST(link."{{role_user}}" AS {{text}}) AS id, CAST(coalesce(r."name", '') AS {{text}}) AS role
FROM {{schema}}"{{role_link}}" link
JOIN {{schema}}"{{role_table}}" r ON r."id" = link."{{role_role}}"
WHERE link."{{role_user}}" IN ({{ids}})
ORDER BY link."{{role_user}}", r."name"

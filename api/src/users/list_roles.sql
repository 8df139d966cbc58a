-- Returns the roles of some users, by user and name. The ids are numbers of our own.
SELECT CAST(link."system$userid" AS {{text}}) AS id, CAST(coalesce(r."name", '') AS {{text}}) AS role
FROM {{schema}}"system$userroles" link
JOIN {{schema}}"system$userrole" r ON r."id" = link."system$userroleid"
WHERE link."system$userid" IN ({{ids}})
ORDER BY link."system$userid", r."name"

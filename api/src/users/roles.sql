-- Counts the accounts of each role by the role's name, anonymous visitors left out. An account counts in each of
-- its roles. Tested on PostgreSQL 15 and MariaDB 10.11.
SELECT CAST(coalesce(r."name", '') AS {{text}}) AS role,
       CAST(count(*) AS {{text}}) AS total,
       CAST(sum(accounts.is_active) AS {{text}}) AS active
FROM ({{accounts}}) accounts
JOIN {{schema}}"system$userroles" link ON link."system$userid" = accounts.id
JOIN {{schema}}"system$userrole" r ON r."id" = link."system$userroleid"
WHERE accounts.kind <> 'anonymous'
GROUP BY r."name"
ORDER BY r."name"
LIMIT {{limit}}

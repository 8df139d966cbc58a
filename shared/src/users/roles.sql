-- Counts the accounts of each role by name, without anonymous visitors. An account counts once in each of its roles. Tested on PostgreSQL 15 and MariaDB 10.11.
SELECT CAST(max(coalesce(r."name", '')) AS {{text}}) AS role,
       CAST(count(DISTINCT accounts.id) AS {{text}}) AS total,
       CAST(count(DISTINCT CASE WHEN accounts.is_active = 1 THEN accounts.id END) AS {{text}}) AS active
FROM ({{accounts}}) accounts
JOIN {{schema}}"{{role_link}}" link ON link."{{role_user}}" = accounts.id
JOIN {{schema}}"{{role_table}}" r ON r."id" = link."{{role_role}}"
WHERE accounts.kind <> 'anonymous'
GROUP BY {{role}}
ORDER BY {{role}}
LIMIT {{limit}}

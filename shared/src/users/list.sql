-- Returns one page of accounts after an id, ordered by id.
--
-- Follows the primary key, so a page costs the rows on it and those that the filters skip.
-- Tested on PostgreSQL 15 and MariaDB 10.11.
SELECT CAST(u."id" AS {{text}}) AS id,
       CASE WHEN u."isanonymous" IS TRUE THEN 'anonymous'
            WHEN u."webserviceuser" IS TRUE THEN 'web_service'
            ELSE 'human' END AS kind,
       CASE WHEN u."active" IS TRUE THEN '1' ELSE '0' END AS active,
       CASE WHEN u."blocked" IS TRUE THEN '1' ELSE '0' END AS blocked,
       {{blocked_since}} AS blocked_since,
       {{last_login}} AS last_login,
       {{created}} AS created,
       {{entity}} AS entity,
       {{user_type}} AS user_type,
       {{name}} AS name
FROM {{schema}}"system$user" u
WHERE u."name" IS NOT NULL
  AND u."id" > CAST({{:after}} AS {{bigint}})
  {{filters}}
ORDER BY u."id"
LIMIT {{limit}}

-- One row per account, with its kind and the flags that are counted. A part of other statements.
--
-- Flags may be NULL, which the runtime treats as false. Anonymous visitors are accounts too, one each. Accounts
-- without a name are incomplete, and Mendix itself does not count them.
-- IN instead of a join, because a user with two report rows counts once.
SELECT u."id" AS id,
       CASE WHEN u."isanonymous" IS TRUE THEN 'anonymous'
            WHEN u."webserviceuser" IS TRUE THEN 'web_service'
            ELSE 'human' END AS kind,
       CASE WHEN u."active" IS TRUE THEN 1 ELSE 0 END AS is_active,
       CASE WHEN u."blocked" IS TRUE THEN 1 ELSE 0 END AS is_blocked,
       CASE WHEN u."lastlogin" IS NULL THEN 1 ELSE 0 END AS has_never_logged_in,
       CASE WHEN {{is_administrator}} THEN 1 ELSE 0 END AS is_administrator,
       CASE WHEN u."id" IN ({{external_users}}) THEN 1 ELSE 0 END AS is_external,
       CASE WHEN u."id" IN ({{internal_users}}) THEN 1 ELSE 0 END AS is_internal,
       CASE WHEN u."id" IN ({{users_with_role}}) THEN 1 ELSE 0 END AS has_role,
       {{identity}} AS identity,
       {{folded_identity}} AS folded_identity,
       CAST({{identity_text}} AS {{text}}) AS identity_text
FROM {{schema}}"system$user" u
{{identifiers}}
WHERE u."name" IS NOT NULL

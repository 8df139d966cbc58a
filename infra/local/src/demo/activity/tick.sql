-- A few seconds in the life of an app. Needs session.sql.
--
-- Growth is bounded: the numbers of rows grow to 125 % of their initial size, are reduced to 100 % at once and grow
-- again, as with an app's own clean-up. One transaction of a few ms that locks only the rows that it changes.

-- New orders, in proportion to the size of the environment: 2.5 for 40,000.
WITH arrived AS (
  INSERT INTO "sales$order"
  SELECT pg_temp.object_id(91, number), number, (5 + 995 * random())::decimal(28, 2), 'Open', pg_temp.days_ago(0), pg_temp.days_ago(0),
    pg_temp.object_id(85, 1 + number % pg_temp.setting('users')), pg_temp.object_id(85, 1 + number % pg_temp.setting('users')), NULL
  FROM (
    SELECT nextval('"sales$order_number_mxseq"') AS number
    FROM generate_series(1, floor(random() * (1 + pg_temp.setting('orders') / 8000.0))::integer)
  ) AS numbered
  RETURNING "id", "number"
)
INSERT INTO "sales$order_customer"
SELECT "id", pg_temp.object_id(90, 1 + "number" % pg_temp.setting('customers')) FROM arrived;
UPDATE "sales$order" SET "status" = 'Shipped', "changeddate" = pg_temp.days_ago(0)
WHERE "number" = (SELECT max("number") - 50 FROM "sales$order");
WITH bounds AS (
  SELECT max("number") AS newest, max("number") - min("number") AS span FROM "sales$order"
), gone AS (
  DELETE FROM "sales$order" USING bounds
  WHERE span > pg_temp.setting('orders') * 1.25 AND "number" <= newest - pg_temp.setting('orders')
  RETURNING "id"
)
DELETE FROM "sales$order_customer" USING gone WHERE "sales$orderid" = gone."id";

-- Messages, in one of four steps. The oldest are removed.
INSERT INTO "erp$message"
SELECT pg_temp.object_id(93, (max("id") - (93::bigint << 48) >> 7) + 1), 'Inbound', 'NEVERLEAK-key',
  (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 250)), pg_temp.days_ago(0)
FROM "erp$message" HAVING random() < 0.25;
DELETE FROM "erp$message"
WHERE "id" IN (
  SELECT "id" FROM "erp$message" ORDER BY "createddate" DESC OFFSET pg_temp.setting('messages')
) AND (SELECT count(*) FROM "erp$message") > pg_temp.setting('messages') * 1.25;

-- Tasks of the queue.
INSERT INTO "system$processedqueuetask"
  ("id", "sequence", "status", "queuename", "microflowname", "created", "started", "finished", "duration", "retried")
SELECT pg_temp.object_id(13, number), number, 'Completed', 'Erp.Queue', 'Erp.ACT_Send',
  pg_temp.days_ago(0), pg_temp.days_ago(0), pg_temp.days_ago(0), 40, 0
FROM (SELECT nextval('"system$queuedtask_sequence_mxseq"') AS number) AS numbered;
WITH bounds AS MATERIALIZED (SELECT last_value AS newest FROM "system$queuedtask_sequence_mxseq")
DELETE FROM "system$processedqueuetask" USING bounds
WHERE newest % greatest(100, pg_temp.setting('tasks') / 4) = 0 AND "sequence" <= newest - pg_temp.setting('tasks');

-- A session lasts 40 minutes and is removed 20 minutes after its last action. About one in ten users is logged in,
-- so the chance of a new session is users / 10 / (2,400 s / 3 s).
WITH arrival AS MATERIALIZED (
  SELECT "id" AS user_id, (SELECT (max("id") - (26::bigint << 48) >> 7) + 1 FROM "system$session") AS number
  FROM "system$user"
  WHERE "active" AND NOT "blocked" AND "submetaobjectname" = 'Administration.Account' AND random() < 1.0 / 8000
  LIMIT 1
), opened AS (
  INSERT INTO "system$session"
  SELECT pg_temp.object_id(26, number), 'NEVERLEAK-session-' || gen_random_uuid()::varchar(30), 'NEVERLEAK-csrf',
    pg_temp.days_ago(0), false, 'NEVERLEAK-hash', pg_temp.days_ago(0), pg_temp.days_ago(0)
  FROM arrival
), linked AS (
  INSERT INTO "system$session_user" SELECT pg_temp.object_id(26, number), user_id FROM arrival
)
UPDATE "system$user" SET "lastlogin" = pg_temp.days_ago(0) FROM arrival WHERE "id" = user_id;
UPDATE "system$session" SET "lastactive" = pg_temp.days_ago(0)
WHERE random() < 0.1 AND "createddate" > pg_temp.days_ago(40.0 / 1440);
WITH gone AS (
  DELETE FROM "system$session" WHERE "lastactive" < pg_temp.days_ago(20.0 / 1440)
    AND (SELECT count(*) FROM "system$session") > 3
  RETURNING "id"
)
DELETE FROM "system$session_user" USING gone WHERE "system$sessionid" = gone."id";

-- A new user every ten minutes, until there are twice as many.
WITH hired AS (
  INSERT INTO "system$user"
  SELECT pg_temp.object_id(85, number), 'new.colleague' || number || '@' || current_setting('demo.domain'), '{BCrypt}$2a$10$NEVERLEAKnew',
    NULL, false, NULL, true, 0, false, false, pg_temp.days_ago(0), pg_temp.days_ago(0), 'Administration.Account',
    pg_temp.object_id(3, 1), pg_temp.object_id(3, 1)
  FROM (
    SELECT (max("id") - (85::bigint << 48) >> 7) + 1 AS number FROM "administration$account"
    HAVING random() < 1.0 / 200 AND count(*) < pg_temp.setting('users') * 2
  ) AS numbered
  RETURNING "id", "name"
), account AS (
  INSERT INTO "administration$account" SELECT "id", 'New Colleague', "name", true FROM hired
)
INSERT INTO "system$userroles" SELECT "id", pg_temp.object_id(18, 2) FROM hired;

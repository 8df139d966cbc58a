-- Invented rows. The session's settings demo.*, set by seed.rs, give their number.
--
-- Every secret contains the word NEVERLEAK, so that tests can search responses and logs for it. Dates count back
-- from today, so that a new demo looks used. Needs session.sql. Runs in one transaction, at most 1.5 s.

SELECT setseed(0.42);

INSERT INTO "mendixsystem$version" VALUES
  ('4.2', pg_temp.days_ago(12), '4.1.0', current_setting('demo.model_version'), current_setting('demo.project'), '10.24.4.77222');

INSERT INTO "system$userrole" ("id", "modelguid", "name") VALUES
  (pg_temp.object_id(18, 1), '8dd52bfa-6d7e-453b-b506-303c0a3d9567', 'Administrator'),
  (pg_temp.object_id(18, 2), '53f5d6fa-6da9-4a71-b011-454ec052cce8', 'User'),
  (pg_temp.object_id(18, 3), 'b1d7a3c4-52f0-4a0e-8c7c-0c6f5f4e0003', 'Anonymous');
INSERT INTO "system$grantableroles" VALUES
  (pg_temp.object_id(18, 1), pg_temp.object_id(18, 1)),
  (pg_temp.object_id(18, 1), pg_temp.object_id(18, 2));

-- The administrator, two web-service users, a row without a name as a failed import leaves it, and visitors.
INSERT INTO "system$user"
  ("id", "name", "password", "lastlogin", "blocked", "active", "failedlogins", "webserviceuser", "isanonymous", "createddate", "changeddate", "submetaobjectname") VALUES
  (pg_temp.object_id(3, 1), 'MxAdmin', '{BCrypt}$2a$10$NEVERLEAKadministrator', pg_temp.days_ago(2), false, true, 0, false, false, pg_temp.days_ago(700), pg_temp.days_ago(2), 'System.User'),
  (pg_temp.object_id(3, 2), 'ws_erp', '{BCrypt}$2a$10$NEVERLEAKerp', pg_temp.days_ago(0.01), false, true, 0, true, false, pg_temp.days_ago(650), pg_temp.days_ago(1), 'System.User'),
  (pg_temp.object_id(3, 3), 'ws_webshop', '{BCrypt}$2a$10$NEVERLEAKwebshop', NULL, false, true, 0, true, NULL, pg_temp.days_ago(90), pg_temp.days_ago(90), 'System.User'),
  (pg_temp.object_id(3, 4), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'System.User');
INSERT INTO "system$user"
  ("id", "name", "password", "lastlogin", "blocked", "active", "failedlogins", "webserviceuser", "isanonymous", "createddate", "changeddate", "submetaobjectname")
SELECT pg_temp.object_id(3, 100 + number), 'Anonymous_' || gen_random_uuid(), '{BCrypt}$2a$10$NEVERLEAKvisitor',
  pg_temp.days_ago(number * 0.05), false, true, 0, false, true, pg_temp.days_ago(number * 0.05), pg_temp.days_ago(number * 0.05), 'System.User'
FROM generate_series(1, 2 + pg_temp.setting('users') / 10) AS number;

-- Users. One in 25 is no longer active, one in 40 is blocked, one in 30 never logged in, one in 6 is external.
CREATE TEMPORARY TABLE person AS
SELECT pg_temp.object_id(85, number) AS id, number,
  (ARRAY['Ada', 'Ben', 'Carla', 'Deniz', 'Elif', 'Femke', 'Gustav', 'Hanna', 'Ivo', 'Jana', 'Kofi', 'Lena', 'Mats'])[1 + number % 13] AS first_name,
  (ARRAY['Arslan', 'Berg', 'Claes', 'Dupont', 'Ekberg', 'Fischer', 'Garcia', 'Horvat', 'Ilves', 'Jansen', 'Kaya'])[1 + number % 11] AS last_name,
  CASE WHEN number % 6 = 0 THEN 'partner.example' ELSE current_setting('demo.domain') END AS domain,
  number % 40 = 7 AS is_blocked, number % 25 <> 3 AS is_active,
  CASE WHEN number % 30 <> 11 THEN 200 * power(random(), 4) END AS login_days, 30 + 600 * random() AS created_days
FROM generate_series(1, pg_temp.setting('users')) AS number;
INSERT INTO "system$user"
SELECT id, lower(first_name || '.' || last_name || number || '@' || domain), '{BCrypt}$2a$10$NEVERLEAK' || md5(number::text),
  pg_temp.days_ago(login_days), is_blocked, CASE WHEN is_blocked THEN pg_temp.days_ago(5) END, is_active,
  CASE WHEN is_blocked THEN 3 ELSE 0 END, false, CASE WHEN number % 9 <> 0 THEN false END,
  pg_temp.days_ago(created_days), pg_temp.days_ago(least(created_days, coalesce(login_days, 30))), 'Administration.Account',
  pg_temp.object_id(3, 1), pg_temp.object_id(3, 1)
FROM person;
INSERT INTO "administration$account"
SELECT id, first_name || ' ' || last_name, lower(first_name || '.' || last_name || number || '@' || domain), true FROM person;

INSERT INTO "system$userroles" SELECT id, pg_temp.object_id(18, 2) FROM person;
INSERT INTO "system$userroles" SELECT id, pg_temp.object_id(18, 1) FROM person WHERE number % 20 = 1;
INSERT INTO "system$userroles" VALUES (pg_temp.object_id(3, 1), pg_temp.object_id(18, 1));
INSERT INTO "system$userroles" SELECT "id", pg_temp.object_id(18, 3) FROM "system$user" WHERE "isanonymous";
INSERT INTO "system$userreportinfo"
SELECT pg_temp.object_id(27, number), CASE WHEN number % 6 = 0 THEN 'External' ELSE 'Internal' END, NULL FROM person WHERE number % 3 = 0;
INSERT INTO "system$userreportinfo_user" SELECT pg_temp.object_id(27, number), id FROM person WHERE number % 3 = 0;
INSERT INTO "system$language" VALUES (pg_temp.object_id(10, 1), 'en_US', 'English, United States');
INSERT INTO "system$user_language" SELECT id, pg_temp.object_id(10, 1) FROM person;
INSERT INTO "system$timezone" VALUES (pg_temp.object_id(11, 1), 'Europe/Amsterdam', 'Amsterdam', 60);
INSERT INTO "system$user_timezone" SELECT id, pg_temp.object_id(11, 1) FROM person WHERE number % 2 = 0;
INSERT INTO "system$tokeninformation"
SELECT pg_temp.object_id(29, number), 'NEVERLEAK-token-' || number, pg_temp.days_ago(-30), 'Mozilla/5.0 (NEVERLEAK)' FROM person WHERE number % 10 = 0;
INSERT INTO "system$tokeninformation_user" SELECT pg_temp.object_id(29, number), id FROM person WHERE number % 10 = 0;

-- Sessions: one for one in eight users, a second one for a few, and one for each visitor of today.
CREATE TEMPORARY TABLE visit AS
SELECT row_number() OVER (ORDER BY user_id, turn) AS number, user_id
FROM (
  SELECT id AS user_id, turn FROM person, generate_series(1, 2) AS turn WHERE is_active AND number % (turn * 8) = 1
  UNION ALL
  SELECT "id", 1 FROM "system$user" WHERE "isanonymous" AND "lastlogin" > pg_temp.days_ago(0.5)
) AS visits;
INSERT INTO "system$session"
SELECT pg_temp.object_id(26, number), 'NEVERLEAK-session-' || gen_random_uuid()::varchar(30), 'NEVERLEAK-csrf-' || number,
  pg_temp.days_ago(number % 5 * 0.004), false, 'NEVERLEAK-hash-' || number, NULL, pg_temp.days_ago(0.1)
FROM visit;
INSERT INTO "system$session_user" SELECT pg_temp.object_id(26, number), user_id FROM visit;

-- Business.
INSERT INTO "sales$customer"
SELECT pg_temp.object_id(90, number), 'C' || lpad(number::text, 6, '0'), 'Customer ' || number
FROM generate_series(1, pg_temp.setting('customers')) AS number;
INSERT INTO "sales$order"
SELECT pg_temp.object_id(91, number), number, (5 + 995 * random())::decimal(28, 2),
  (ARRAY['Open', 'Shipped', 'Invoiced', 'Paid', 'Paid', 'Cancelled'])[1 + number % 6], moment, moment,
  pg_temp.object_id(85, 1 + number % pg_temp.setting('users')), pg_temp.object_id(85, 1 + number % pg_temp.setting('users')),
  CASE WHEN number % 3 = 0 THEN pg_temp.object_id(90, 1 + number % pg_temp.setting('customers')) END
FROM (
  SELECT number, pg_temp.days_ago(400.0 * (pg_temp.setting('orders') - number) / pg_temp.setting('orders')) AS moment
  FROM generate_series(1, pg_temp.setting('orders')) AS number
) AS numbered;
INSERT INTO "sales$order_customer"
SELECT "id", pg_temp.object_id(90, 1 + "number" % pg_temp.setting('customers')) FROM "sales$order";
INSERT INTO "system$filedocument"
  ("id", "fileid", "name", "deleteafterdownload", "hascontents", "size", "__filename__", "__uuid__", "createddate", "changeddate", "submetaobjectname")
SELECT pg_temp.object_id(92, number), number, 'NEVERLEAK-invoice-' || number || '.pdf', false, number % 20 <> 0,
  CASE WHEN number % 20 <> 0 THEN 20000 + (380000 * random())::bigint END, 0, gen_random_uuid(), pg_temp.days_ago(300 * random()), NULL, 'Sales.InvoicePDF'
FROM generate_series(1, pg_temp.setting('documents')) AS number;
INSERT INTO "sales$invoicepdf"
SELECT "id", 'INV-' || lpad("fileid"::text, 7, '0') FROM "system$filedocument";
-- Random hexadecimal digits hardly compress, so these rows keep their length on disk.
INSERT INTO "erp$message"
SELECT pg_temp.object_id(93, number), CASE WHEN number % 2 = 0 THEN 'Inbound' ELSE 'Outbound' END, 'NEVERLEAK-key-' || number,
  (SELECT string_agg(md5(random()::text || part), '') FROM generate_series(1, 200 + number % 150) AS part), pg_temp.days_ago(number * 0.2)
FROM generate_series(1, pg_temp.setting('messages')) AS number;
INSERT INTO "system$processedqueuetask"
  ("id", "sequence", "status", "queuename", "microflowname", "arguments", "created", "started", "finished", "duration", "retried")
SELECT pg_temp.object_id(13, number), number, CASE WHEN number % 50 = 0 THEN 'Failed' ELSE 'Completed' END, 'Erp.Queue', 'Erp.ACT_Send',
  '{"Message":' || number || '}', moment, moment, moment + interval '40 milliseconds', 40, 0
FROM (SELECT number, pg_temp.days_ago(30 * random()) AS moment FROM generate_series(1, pg_temp.setting('tasks')) AS number) AS numbered;

SELECT setval('"sales$order_number_mxseq"', pg_temp.setting('orders')),
  setval('"system$filedocument_fileid_mxseq"', greatest(1, pg_temp.setting('documents'))),
  setval('"system$queuedtask_sequence_mxseq"', greatest(1, pg_temp.setting('tasks')));

DROP TABLE person, visit;

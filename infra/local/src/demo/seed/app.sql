-- The modules on top of System: Administration, and the app's own Sales and Erp. Then the catalogue of all modules.
--
-- Ids in the catalogue are the model's GUIDs. Those of module System are the same in every app, the others are invented.

-- A specialisation of System.User: its rows have the ids of the users.
CREATE TABLE "administration$account" (
  "id" bigint PRIMARY KEY,
  "fullname" varchar(200),
  "email" varchar(200),
  "islocaluser" boolean
);

CREATE TABLE "sales$customer" (
  "id" bigint PRIMARY KEY,
  "code" varchar(50),
  "name" varchar(200)
);
CREATE INDEX "idx_sales$customer_code_asc" ON "sales$customer" ("code", "id");
CREATE TABLE "sales$order" (
  "id" bigint PRIMARY KEY,
  "number" bigint,
  "total" decimal(28, 8),
  "status" varchar(9),
  "createddate" timestamp,
  "changeddate" timestamp,
  "system$owner" bigint,
  "system$changedby" bigint,
  "sales$order_billto" bigint -- an association stored as a column, as newer versions do
);
CREATE INDEX "idx_sales$order_number_asc" ON "sales$order" ("number", "id");
CREATE INDEX "idx_sales$order_system$owner" ON "sales$order" ("system$owner", "id");
CREATE SEQUENCE "sales$order_number_mxseq" AS bigint;
-- An association stored as a table: one customer for each order.
CREATE TABLE "sales$order_customer" (
  "sales$orderid" bigint NOT NULL,
  "sales$customerid" bigint NOT NULL,
  PRIMARY KEY ("sales$orderid", "sales$customerid"),
  CONSTRAINT "uniq_sales$order_customer_sales$orderid" UNIQUE ("sales$orderid")
);
CREATE INDEX "idx_sales$order_customer_sales$customer_sales$order"
  ON "sales$order_customer" ("sales$customerid", "sales$orderid");
-- A specialisation of System.FileDocument.
CREATE TABLE "sales$invoicepdf" (
  "id" bigint PRIMARY KEY,
  "invoicenumber" varchar(50)
);
-- Long texts: nearly all of this table is TOAST.
CREATE TABLE "erp$message" (
  "id" bigint PRIMARY KEY,
  "direction" varchar(8),
  "apikey" varchar(200), -- secret: apps keep them in entities
  "payload" text,
  "createddate" timestamp
);

INSERT INTO "mendixsystem$entity" ("id", "entity_name", "table_name", "superentity_id") VALUES
  ('282e2e60-88a5-469d-84a5-ba8d9151644f', 'System.User', 'system$user', NULL),
  ('92ef30a6-de04-423c-84fd-a21e9b9eeae2', 'System.UserRole', 'system$userrole', NULL),
  ('37f9fd49-5318-4c63-9a51-f761779b202f', 'System.Session', 'system$session', NULL),
  ('170ce49d-f29c-4fac-99a6-b55e8a3aeb39', 'System.FileDocument', 'system$filedocument', NULL),
  ('1c90a770-98ef-45df-9267-b87973cc6581', 'System.UserReportInfo', 'system$userreportinfo', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10001', 'System.ProcessedQueueTask', 'system$processedqueuetask', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10002', 'System.Image', 'system$image', '170ce49d-f29c-4fac-99a6-b55e8a3aeb39'),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10003', 'System.TokenInformation', 'system$tokeninformation', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10004', 'System.Language', 'system$language', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10005', 'System.TimeZone', 'system$timezone', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10006', 'System.UnreferencedFile', 'system$unreferencedfile', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10007', 'System.XASInstance', 'system$xasinstance', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10008', 'System.ScheduledEventInformation', 'system$scheduledeventinformation', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10009', 'System.AutoCommitEntry', 'system$autocommitentry', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10101', 'Administration.Account', 'administration$account', '282e2e60-88a5-469d-84a5-ba8d9151644f'),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10201', 'Sales.Customer', 'sales$customer', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10202', 'Sales.Order', 'sales$order', NULL),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10203', 'Sales.InvoicePDF', 'sales$invoicepdf', '170ce49d-f29c-4fac-99a6-b55e8a3aeb39'),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10301', 'Erp.Message', 'erp$message', NULL);
INSERT INTO "mendixsystem$association"
  ("id", "association_name", "table_name", "parent_entity_id", "child_entity_id", "parent_column_name", "child_column_name", "index_name") VALUES
  ('6adaf137-4299-435e-9475-a871a4f21471', 'System.UserRoles', 'system$userroles',
   '282e2e60-88a5-469d-84a5-ba8d9151644f', '92ef30a6-de04-423c-84fd-a21e9b9eeae2',
   'system$userid', 'system$userroleid', 'idx_system$userroles_system$userrole_system$user'),
  ('546aaff5-62e1-40ce-ab45-d40d0a0478f1', 'System.Session_User', 'system$session_user',
   '37f9fd49-5318-4c63-9a51-f761779b202f', '282e2e60-88a5-469d-84a5-ba8d9151644f',
   'system$sessionid', 'system$userid', 'idx_system$session_user_system$user_system$session'),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10401', 'System.UserReportInfo_User', 'system$userreportinfo_user',
   '1c90a770-98ef-45df-9267-b87973cc6581', '282e2e60-88a5-469d-84a5-ba8d9151644f',
   'system$userreportinfoid', 'system$userid', 'idx_system$userreportinfo_user'),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10402', 'Sales.Order_Customer', 'sales$order_customer',
   '5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10202', '5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10201',
   'sales$orderid', 'sales$customerid', 'idx_sales$order_customer_sales$customer_sales$order');
-- An object's id is (short id << 48) + (sequence << 7) + 7 random bits.
INSERT INTO "mendixsystem$entityidentifier" ("id", "short_id", "object_sequence") VALUES
  ('282e2e60-88a5-469d-84a5-ba8d9151644f', 3, 100001),
  ('92ef30a6-de04-423c-84fd-a21e9b9eeae2', 18, 101),
  ('37f9fd49-5318-4c63-9a51-f761779b202f', 26, 100001),
  ('1c90a770-98ef-45df-9267-b87973cc6581', 27, 100001),
  ('170ce49d-f29c-4fac-99a6-b55e8a3aeb39', 28, 100001),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10001', 13, 1000001),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10101', 85, 100001),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10201', 90, 100001),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10202', 91, 1000001),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10203', 92, 100001),
  ('5d3a0c11-0f4e-4b1a-9a5e-7d2c60a10301', 93, 100001);
INSERT INTO "mendixsystem$properties" ("key", "value") VALUES
  ('Mendix.Runtime.DeploymentID', '638412345678901234');

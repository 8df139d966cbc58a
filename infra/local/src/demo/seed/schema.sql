-- The empty tables of a Mendix 10 app: the runtime's catalogue, the System and Administration modules, two app modules.
--
-- Names of tables, columns and indexes in mendixsystem$, system$ and administration$ are those of the Mendix
-- runtime: all lower case, ids are bigint, times are UTC without a zone, no foreign keys. Tested on PostgreSQL 15.

-- The runtime's catalogue, which maps tables to entities.

CREATE TABLE "mendixsystem$entity" (
  "id" varchar(36) PRIMARY KEY,
  "entity_name" varchar(511) NOT NULL,
  "table_name" varchar(255) NOT NULL,
  "superentity_id" varchar(255),
  "remote" boolean,
  "remote_primary_key" boolean
);
CREATE INDEX "idx_mendixsystem$entity_entity_name" ON "mendixsystem$entity" ("entity_name");
CREATE TABLE "mendixsystem$attribute" (
  "id" varchar(36) PRIMARY KEY,
  "entity_id" varchar(255) NOT NULL,
  "attribute_name" varchar(255) NOT NULL,
  "column_name" varchar(255) NOT NULL,
  "type" integer NOT NULL,
  "length" integer,
  "default_value" text,
  "is_auto_number" boolean NOT NULL
);
CREATE TABLE "mendixsystem$association" (
  "id" varchar(36) PRIMARY KEY,
  "association_name" varchar(511) NOT NULL,
  "table_name" varchar(255) NOT NULL,
  "parent_entity_id" varchar(36) NOT NULL,
  "child_entity_id" varchar(36) NOT NULL,
  "parent_column_name" varchar(255) NOT NULL,
  "child_column_name" varchar(255) NOT NULL,
  "pk_index_name" varchar(255),
  "index_name" varchar(255)
);
CREATE TABLE "mendixsystem$index" (
  "id" varchar(36) PRIMARY KEY,
  "table_id" varchar(36) NOT NULL,
  "index_name" varchar(255) NOT NULL
);
CREATE TABLE "mendixsystem$index_column" (
  "index_id" varchar(36) NOT NULL,
  "column_id" varchar(36) NOT NULL,
  "sort_order" boolean NOT NULL,
  "ordinal" integer NOT NULL,
  PRIMARY KEY ("index_id", "column_id")
);
CREATE TABLE "mendixsystem$sequence" (
  "name" varchar(255) NOT NULL,
  "attribute_id" varchar(36) PRIMARY KEY,
  "start_value" bigint NOT NULL,
  "current_value" bigint
);
CREATE TABLE "mendixsystem$entityidentifier" (
  "id" varchar(36) PRIMARY KEY,
  "short_id" smallint,
  "object_sequence" bigint
);
CREATE TABLE "mendixsystem$properties" (
  "key" varchar(200) PRIMARY KEY,
  "value" varchar(200) NOT NULL
);
CREATE TABLE "mendixsystem$unique_constraint" (
  "name" varchar(255) NOT NULL,
  "table_id" varchar(36) NOT NULL,
  "column_id" varchar(36) NOT NULL,
  PRIMARY KEY ("name", "column_id")
);
CREATE TABLE "mendixsystem$remote_primary_key" (
  "id" varchar(36) PRIMARY KEY,
  "entity_id" varchar(255) NOT NULL,
  "attribute_name" varchar(255) NOT NULL,
  "column_name" varchar(255) NOT NULL,
  "type" integer NOT NULL,
  "length" integer
);
CREATE TABLE "mendixsystem$version" (
  "versionnumber" varchar(255) PRIMARY KEY,
  "lastsyncdate" timestamp NOT NULL,
  "preanalysismigrationversionnumber" varchar(255) NOT NULL,
  "modelversionnumber" varchar(255),
  "sprintrprojectname" varchar(511),
  "mendixversion" varchar(255)
);

-- Module System: users, their roles and sessions.

CREATE TABLE "system$user" (
  "id" bigint PRIMARY KEY,
  "name" varchar(100),
  "password" varchar(200), -- secret
  "lastlogin" timestamp,
  "blocked" boolean,
  "blockedsince" timestamp,
  "active" boolean,
  "failedlogins" integer,
  "webserviceuser" boolean,
  "isanonymous" boolean,
  "createddate" timestamp,
  "changeddate" timestamp,
  "submetaobjectname" varchar(255),
  "system$changedby" bigint,
  "system$owner" bigint,
  CONSTRAINT "uniq_system$user_name" UNIQUE ("name")
);
CREATE INDEX "idx_system$user_name_asc" ON "system$user" ("name", "id");
CREATE INDEX "idx_system$user_submetaobjectname_asc" ON "system$user" ("submetaobjectname", "id");
CREATE INDEX "idx_system$user_system$changedby" ON "system$user" ("system$changedby", "id");
CREATE INDEX "idx_system$user_system$owner" ON "system$user" ("system$owner", "id");
CREATE TABLE "system$userrole" (
  "id" bigint PRIMARY KEY,
  "modelguid" varchar(36),
  "name" varchar(100),
  "description" varchar(1000)
);
CREATE INDEX "idx_system$userrole_name_asc" ON "system$userrole" ("name", "id");
CREATE TABLE "system$userroles" (
  "system$userid" bigint NOT NULL,
  "system$userroleid" bigint NOT NULL,
  PRIMARY KEY ("system$userid", "system$userroleid")
);
CREATE INDEX "idx_system$userroles_system$userrole_system$user"
  ON "system$userroles" ("system$userroleid", "system$userid");
CREATE TABLE "system$grantableroles" (
  "system$userroleid1" bigint NOT NULL,
  "system$userroleid2" bigint NOT NULL,
  PRIMARY KEY ("system$userroleid1", "system$userroleid2")
);
CREATE TABLE "system$session" (
  "id" bigint PRIMARY KEY,
  "sessionid" varchar(50), -- secret
  "csrftoken" varchar(36), -- secret
  "lastactive" timestamp,
  "longlived" boolean,
  "readonlyhashkey" varchar(36), -- secret
  "lastactionexecution" timestamp,
  "createddate" timestamp
);
CREATE INDEX "idx_system$session_sessionid_asc" ON "system$session" ("sessionid", "id");
CREATE TABLE "system$session_user" (
  "system$sessionid" bigint NOT NULL,
  "system$userid" bigint NOT NULL,
  PRIMARY KEY ("system$sessionid", "system$userid"),
  CONSTRAINT "uniq_system$session_user_system$sessionid" UNIQUE ("system$sessionid")
);
CREATE INDEX "idx_system$session_user_system$user_system$session"
  ON "system$session_user" ("system$userid", "system$sessionid");
CREATE TABLE "system$tokeninformation" (
  "id" bigint PRIMARY KEY,
  "token" varchar(200), -- secret
  "expirydate" timestamp,
  "useragent" text
);
CREATE TABLE "system$tokeninformation_user" (
  "system$tokeninformationid" bigint NOT NULL,
  "system$userid" bigint NOT NULL,
  PRIMARY KEY ("system$tokeninformationid", "system$userid")
);
CREATE TABLE "system$userreportinfo" (
  "id" bigint PRIMARY KEY,
  "usertype" varchar(8), -- Internal or External; a user without a row is internal
  "hash" varchar(64)
);
CREATE TABLE "system$userreportinfo_user" (
  "system$userreportinfoid" bigint NOT NULL,
  "system$userid" bigint NOT NULL,
  PRIMARY KEY ("system$userreportinfoid", "system$userid"),
  CONSTRAINT "uniq_system$userreportinfo_user_system$userreportinfoid" UNIQUE ("system$userreportinfoid")
);
CREATE INDEX "idx_system$userreportinfo_user" ON "system$userreportinfo_user" ("system$userid", "system$userreportinfoid");
CREATE TABLE "system$language" (
  "id" bigint PRIMARY KEY,
  "code" varchar(20),
  "description" varchar(200)
);
CREATE TABLE "system$user_language" (
  "system$userid" bigint NOT NULL,
  "system$languageid" bigint NOT NULL,
  PRIMARY KEY ("system$userid", "system$languageid"),
  CONSTRAINT "uniq_system$user_language_system$userid" UNIQUE ("system$userid")
);
CREATE TABLE "system$timezone" (
  "id" bigint PRIMARY KEY,
  "code" varchar(50),
  "description" varchar(100),
  "rawoffset" integer
);
CREATE TABLE "system$user_timezone" (
  "system$userid" bigint NOT NULL,
  "system$timezoneid" bigint NOT NULL,
  PRIMARY KEY ("system$userid", "system$timezoneid"),
  CONSTRAINT "uniq_system$user_timezone_system$userid" UNIQUE ("system$userid")
);

-- Module System: files and the runtime's own tasks.

CREATE SEQUENCE "system$filedocument_fileid_mxseq" AS bigint;
CREATE SEQUENCE "system$queuedtask_sequence_mxseq" AS bigint;
CREATE TABLE "system$filedocument" (
  "id" bigint PRIMARY KEY,
  "fileid" bigint,
  "name" varchar(400),
  "deleteafterdownload" boolean,
  "contents" bytea,
  "hascontents" boolean,
  "size" bigint,
  "__filename__" bigint,
  "__uuid__" varchar(36),
  "createddate" timestamp,
  "changeddate" timestamp,
  "submetaobjectname" varchar(255),
  "system$owner" bigint,
  "system$changedby" bigint
);
CREATE INDEX "idx_system$filedocument_fileid_asc" ON "system$filedocument" ("fileid", "id");
CREATE INDEX "idx_system$filedocument_size_asc" ON "system$filedocument" ("size", "id");
CREATE INDEX "idx_system$filedocument___uuid___asc" ON "system$filedocument" ("__uuid__", "id");
CREATE INDEX "idx_system$filedocument_submetaobjectname_asc" ON "system$filedocument" ("submetaobjectname", "id");
CREATE TABLE "system$image" (
  "id" bigint PRIMARY KEY,
  "publicthumbnailpath" varchar(500),
  "enablecaching" boolean
);
CREATE TABLE "system$unreferencedfile" (
  "id" bigint PRIMARY KEY,
  "filekey" varchar(36),
  "state" varchar(8),
  "transactionid" varchar(36),
  "createddate" timestamp
);
CREATE TABLE "system$xasinstance" (
  "id" bigint PRIMARY KEY,
  "xasid" varchar(50),
  "lastupdate" timestamp,
  "allowednumberofconcurrentusers" integer,
  "partnername" varchar(200),
  "customername" varchar(200),
  "createddate" timestamp
);
CREATE TABLE "system$scheduledeventinformation" (
  "id" bigint PRIMARY KEY,
  "name" varchar(200),
  "description" text,
  "starttime" timestamp,
  "endtime" timestamp,
  "status" varchar(9)
);
CREATE TABLE "system$processedqueuetask" (
  "id" bigint PRIMARY KEY,
  "sequence" bigint,
  "status" varchar(12),
  "queueid" varchar(36),
  "queuename" varchar(200),
  "contexttype" varchar(14),
  "contextdata" text,
  "microflowname" varchar(200),
  "useractionname" varchar(200),
  "arguments" text,
  "xasid" varchar(50),
  "threadid" bigint,
  "created" timestamp,
  "startat" timestamp,
  "started" timestamp,
  "finished" timestamp,
  "duration" bigint,
  "retried" bigint,
  "errormessage" text,
  "scheduledeventname" varchar(200),
  "system$owner" bigint
);
CREATE TABLE "system$autocommitentry" (
  "id" bigint PRIMARY KEY,
  "sessionid" varchar(36), -- secret
  "objectid" bigint,
  "createddate" timestamp
);

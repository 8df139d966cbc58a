-- What mrt_ro may read of an app's database: counts of users, sessions and files, never a secret or a file's name.
--
-- Sizes need no right at all. The grants are per column, so a new column is closed until somebody opens it.

GRANT USAGE ON SCHEMA public TO mrt_ro;
GRANT SELECT ("id", "name", "lastlogin", "blocked", "blockedsince", "active", "failedlogins", "webserviceuser",
  "isanonymous", "createddate", "submetaobjectname") ON "system$user" TO mrt_ro;
GRANT SELECT ON "system$userrole", "system$userroles", "system$session_user", "system$userreportinfo_user" TO mrt_ro;
GRANT SELECT ("id", "usertype") ON "system$userreportinfo" TO mrt_ro;
GRANT SELECT ("id", "lastactive", "createddate", "longlived") ON "system$session" TO mrt_ro;
GRANT SELECT ("id", "hascontents", "size", "submetaobjectname") ON "system$filedocument" TO mrt_ro;
GRANT SELECT ON "mendixsystem$version", "mendixsystem$entity" TO mrt_ro;

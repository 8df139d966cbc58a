-- What the benchmark's database has in addition to api/tests/fixtures/mendix.sql: enough users and sessions to make
-- counting real work, and enough tables for a full page of /table_size. All invented.
INSERT INTO "system$user" ("id", "name", "blocked", "active", "webserviceuser", "isanonymous", "submetaobjectname")
SELECT 900000000000000 + n, 'user-' || n, false, n % 10 <> 0, false, n % 5 = 0, 'Administration.Account'
FROM generate_series(1, 5000) AS n;
INSERT INTO "system$session" ("id", "lastactive", "longlived")
SELECT 100000 + n, now() AT TIME ZONE 'UTC', false FROM generate_series(1, 500) AS n;
INSERT INTO "system$session_user" SELECT 100000 + n, 900000000000000 + n FROM generate_series(1, 500) AS n;

DO $$
BEGIN
  FOR n IN 1..150 LOOP
    EXECUTE format('CREATE TABLE %I (id bigint PRIMARY KEY, name varchar(200), note text)', 'bench$entity' || n);
    EXECUTE format('INSERT INTO %I SELECT k, ''name '' || k FROM generate_series(1, $1) AS k', 'bench$entity' || n)
      USING n * 10;
    INSERT INTO "mendixsystem$entity" ("id", "entity_name", "table_name")
    VALUES (gen_random_uuid(), 'Bench.Entity' || n, 'bench$entity' || n);
  END LOOP;
END
$$;
ANALYZE;

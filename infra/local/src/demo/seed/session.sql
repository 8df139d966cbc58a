-- Functions of one session, which create ids and times and read the settings demo.*.

-- Creates an object id as the runtime does.
CREATE FUNCTION pg_temp.object_id(short_id integer, number bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE
  AS $$ SELECT (short_id::bigint << 48) + (number << 7) + number * 37 % 128 $$;
CREATE FUNCTION pg_temp.days_ago(days double precision) RETURNS timestamp
  LANGUAGE sql STABLE
  AS $$ SELECT date_trunc('milliseconds', (now() AT TIME ZONE 'utc') - days * interval '1 day') $$;
CREATE FUNCTION pg_temp.setting(name text) RETURNS integer
  LANGUAGE sql STABLE
  AS $$ SELECT current_setting('demo.' || name)::integer $$;

-- Functions for one session: how the demo makes ids and times, and how it reads its settings demo.*.

-- Makes an object's id in the way of the runtime.
CREATE FUNCTION pg_temp.object_id(short_id integer, number bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE
  AS $$ SELECT (short_id::bigint << 48) + (number << 7) + number * 37 % 128 $$;
CREATE FUNCTION pg_temp.days_ago(days double precision) RETURNS timestamp
  LANGUAGE sql STABLE
  AS $$ SELECT date_trunc('milliseconds', (now() AT TIME ZONE 'utc') - days * interval '1 day') $$;
CREATE FUNCTION pg_temp.setting(name text) RETURNS integer
  LANGUAGE sql STABLE
  AS $$ SELECT current_setting('demo.' || name)::integer $$;

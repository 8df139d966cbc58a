-- Moves old sessions to now when the demo starts again: created up to 40 minutes ago, active up to 8 minutes ago.

SET statement_timeout = '5s';
UPDATE "system$session" SET
  "createddate" = (now() AT TIME ZONE 'utc') - random() * interval '40 minutes',
  "lastactive" = (now() AT TIME ZONE 'utc') - random() * interval '8 minutes';

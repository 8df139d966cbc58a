-- Brings yesterday's sessions to today when the demo starts again: ages of at most 40 minutes, active at most 8 ago.

SET statement_timeout = '5s';
UPDATE "system$session" SET
  "createddate" = (now() AT TIME ZONE 'utc') - random() * interval '40 minutes',
  "lastactive" = (now() AT TIME ZONE 'utc') - random() * interval '8 minutes';

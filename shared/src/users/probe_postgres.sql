-- Returns which of some columns in schema public exist, and which of them this role may read.
--
-- Values: names of tables and names of columns, in pairs, as two arrays in text form.
-- Reads catalogues only: takes no lock on the app's tables and needs no right on them. Does not use
-- information_schema, which hides what the role may not read, or to_regclass, which fails if the role may not use the
-- schema.
-- Costs one index look-up per column. Tested on PostgreSQL 15.
SELECT CAST(wanted.relation AS text),
       CAST(wanted.attribute AS text),
       CASE WHEN a.attnum IS NOT NULL THEN '1' ELSE '0' END,
       CASE WHEN has_column_privilege(c.oid, a.attnum, 'SELECT') THEN '1' ELSE '0' END,
       CASE WHEN has_schema_privilege(n.oid, 'USAGE') THEN '1' ELSE '0' END
FROM unnest(CAST({{:relations}} AS text[]), CAST({{:attributes}} AS text[])) AS wanted (relation, attribute)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'public'
LEFT JOIN pg_catalog.pg_class c
       ON c.relnamespace = n.oid AND c.relname = wanted.relation AND c.relkind IN ('r', 'p')
LEFT JOIN pg_catalog.pg_attribute a
       ON a.attrelid = c.oid AND a.attname = wanted.attribute AND a.attnum > 0 AND NOT a.attisdropped

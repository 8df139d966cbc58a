-- Purpose:  count and size of the file documents that have contents; those without a size are counted apart.
-- Cost:     one scan of the table: about a second for a million documents.
-- Locks:    the share lock that every reader takes. A schema change waits for it as long as the scan takes.
-- Rights:   SELECT on the two columns.
-- Versions: tested on 15; uses nothing that 12 lacks. The column "size" exists since Mendix 7.4.
SELECT
  count(*) AS document_count,
  coalesce(sum("size") FILTER (WHERE "size" >= 0), 0)::bigint AS document_bytes,
  count(*) FILTER (WHERE "size" IS NULL OR "size" < 0) AS unsized_count
FROM public."system$filedocument"
WHERE "hascontents"

-- A table that is not in the Mendix model, such as one that a report created. In one environment only.

CREATE TABLE "bi_export_tmp" ("id" serial PRIMARY KEY, "exported_at" timestamp NOT NULL, "line" text);
INSERT INTO "bi_export_tmp" ("exported_at", "line")
SELECT "createddate", "number" || ';' || "total" || ';' || "status" FROM "sales$order";

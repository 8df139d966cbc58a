-- Purpose:  bytes of the whole database on disk: all its relations, including the system catalogues and temporary
--           files of relations.
-- Cost:     one stat of each file of the database; no relation is opened.
-- Locks:    none.
-- Rights:   CONNECT on the database, which every connection has.
-- Versions: tested on 12, 15 and 18.
SELECT pg_catalog.pg_database_size(pg_catalog.current_database())

-- Purpose:  bytes of the whole database on disk: all its relations, including the system catalogues and temporary
--           files of relations; and whether the server is a replica.
-- Cost:     one stat of each file of the database; no relation is opened.
-- Locks:    none.
-- Rights:   CONNECT on the database, which every connection has.
-- Versions: tested on 12, 15 and 18.
SELECT pg_database_size(current_database()), pg_is_in_recovery()

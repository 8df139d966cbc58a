-- Least rights for the MRT API's account on one Mendix database in MySQL or MariaDB. Run it as an administrator.
--
-- Creates the account where it does not exist; one with a password is locked until you set it:
--   {{unlock}}
-- Gives the columns that counts and lists need and no others: no password hash, no session id, no e-mail address.
-- Columns and tables that this version of Mendix lacks are left out. Safe to run again, and needed again after a
-- restore or whenever Mendix has made one of these tables anew with other columns.
SET SESSION sql_mode = '';
SET SESSION group_concat_max_len = 65536;

{{create}}

-- Reads no row: information_schema shows only tables that one has some right on, and sizes need all of them.
{{see}}

{{grants}}

-- What only this app's own catalogue knows: the tables and columns of associations, and of identifiers.
{{associations}}
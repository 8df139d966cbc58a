-- Least rights for the MRT API's account on one Mendix database in MySQL or MariaDB. Run it as an administrator.
--
-- Creates the account if it does not exist; an account with a password is locked until you set the password:
--   {{unlock}}
-- Grants only the columns that counts and lists need: no password hash, no session id, no e-mail address. Skips columns
-- and tables that this version of Mendix lacks. Safe to run again. Run it again after a restore, and whenever Mendix
-- has recreated one of these tables with other columns.
SET SESSION sql_mode = '';
SET SESSION group_concat_max_len = 65536;

{{create}}

-- Allows reading no row. information_schema shows only tables with some right, and table sizes need all tables.
{{see}}

{{grants}}

-- Tables and columns of associations and identifiers, whose names are only in this app's own catalogue.
{{associations}}
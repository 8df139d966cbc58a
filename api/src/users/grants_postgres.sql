-- Least rights for the MRT API's role on one Mendix database. Run it in that database as its owner or a superuser.
--
-- Creates the role where it does not exist; its password, where it has one, is yours to set. Gives the columns
-- that counts and lists need and no others: no password hash, no session id, no e-mail address. Columns and tables that
-- this version of Mendix lacks are left out. Safe to run again, and needed again after a restore or whenever
-- Mendix has made one of these tables anew: PostgreSQL drops rights on columns together with the table.
SELECT set_config('mrt.role', {{role_literal}}, false);

DO $mrt$
DECLARE
    grantee constant text := current_setting('mrt.role');
    wanted record;
    existing text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = grantee) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', grantee);
    END IF;
    -- On RDS: lets the role log in with a token instead of a password.
    IF {{is_iam}} AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_iam') THEN
        EXECUTE format('GRANT rds_iam TO %I', grantee);
    END IF;
    FOR wanted IN
        SELECT * FROM (VALUES
{{granted}}
        ) AS list (relation, attributes)
    LOOP
        SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum)
        INTO existing
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname = wanted.relation AND c.relkind IN ('r', 'p')
          AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attname = ANY (CAST(wanted.attributes AS text[]));
        IF existing IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON public.%I TO %I', existing, wanted.relation, grantee);
        END IF;
    END LOOP;
END
$mrt$;

GRANT CONNECT ON DATABASE {{database}} TO {{role}};
GRANT USAGE ON SCHEMA public TO {{role}};

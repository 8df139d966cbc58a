-- Least rights for the MRT API's role on one Mendix database. Run it in that database as its owner or a superuser.
--
-- Creates the role if it does not exist; if it has a password, set it yourself. Grants only the columns that counts
-- and lists need: no password hash, no session id, no e-mail address. Skips columns and tables that this version of
-- Mendix lacks. Safe to run again. Run it again after a restore, and whenever Mendix has recreated one of these
-- tables: PostgreSQL drops rights on columns together with the table.
SELECT set_config('mrt.role', {{role_literal}}, false);

DO $mrt$
DECLARE
    grantee constant text := current_setting('mrt.role');
    list text := $list$
        SELECT relation, CAST(attributes AS text[]) AS attributes FROM (VALUES
{{granted}}
        ) AS list (relation, attributes)$list$;
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
    -- Tables and columns of associations and identifiers, whose names are only in this app's own catalogue.
    IF (SELECT count(*) = 7
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND NOT a.attisdropped
          AND (c.relname, a.attname) IN (
              ('mendixsystem$entity', 'entity_name'), ('mendixsystem$entity', 'table_name'),
              ('mendixsystem$association', 'association_name'), ('mendixsystem$association', 'parent_entity_id'),
              ('mendixsystem$association', 'child_entity_id'), ('mendixsystem$association', 'parent_column_name'),
              ('mendixsystem$association', 'child_column_name'))) THEN
        list := list || $list$
        UNION ALL
        SELECT e.table_name::text, '{id,value}'::text[]
        FROM public."mendixsystem$entity" e
        WHERE e.entity_name = 'UserCommons.NamedUserIdentifier'
        UNION ALL
        SELECT (CASE WHEN a.parent_column_name = 'id' THEN p.table_name ELSE a.table_name END)::text,
               ARRAY[a.parent_column_name, a.child_column_name]::text[]
        FROM public."mendixsystem$association" a
        JOIN public."mendixsystem$entity" p ON p.id = a.parent_entity_id
        JOIN public."mendixsystem$entity" c ON c.id = a.child_entity_id
        WHERE a.association_name IN ('System.UserRoles', 'System.Session_User', 'System.UserReportInfo_User')
           OR (a.association_name NOT IN ('System.owner', 'System.changedBy')
               AND (p.entity_name = 'UserCommons.NamedUserIdentifier' AND c.entity_name = 'System.User'
                    OR c.entity_name = 'UserCommons.NamedUserIdentifier' AND p.entity_name = 'System.User'))$list$;
    END IF;
    FOR wanted IN EXECUTE list LOOP
        SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum)
        INTO existing
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname = wanted.relation AND c.relkind IN ('r', 'p')
          AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attname = ANY (wanted.attributes);
        IF existing IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON public.%I TO %I', existing, wanted.relation, grantee);
        END IF;
    END LOOP;
END
$mrt$;

GRANT CONNECT ON DATABASE {{database}} TO {{role}};
GRANT USAGE ON SCHEMA public TO {{role}};

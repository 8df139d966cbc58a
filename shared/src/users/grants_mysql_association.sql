SET @mrt_grant = NULL;
SET @mrt_look = IF((SELECT COUNT(*) FROM information_schema.tables
                    WHERE table_schema = {{database_literal}}
                      AND table_name IN ('mendixsystem$entity', 'mendixsystem$association')) = 2, {{look}}, 'DO 0');
PREPARE mrt_grant FROM @mrt_look;
EXECUTE mrt_grant;
SET @mrt_grant = COALESCE(@mrt_grant, 'DO 0');
PREPARE mrt_grant FROM @mrt_grant;
EXECUTE mrt_grant;
DEALLOCATE PREPARE mrt_grant;

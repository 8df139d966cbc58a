SELECT CONCAT('GRANT SELECT (', GROUP_CONCAT(DISTINCT '`', l.column_name, '`' SEPARATOR ', '),
              ') ON ', {{database_text}}, '.`', l.table_name, '` TO ', {{grantee_text}})
INTO @mrt_grant
FROM information_schema.columns l
JOIN (SELECT CASE WHEN a.parent_column_name = 'id' THEN p.table_name ELSE a.table_name END AS known_table,
             a.parent_column_name AS parent_column, a.child_column_name AS child_column,
             CASE WHEN p.entity_name = 'UserCommons.NamedUserIdentifier' THEN p.table_name
                  WHEN c.entity_name = 'UserCommons.NamedUserIdentifier' THEN c.table_name END AS identifiers
      FROM {{database}}.`mendixsystem$association` a
      JOIN {{database}}.`mendixsystem$entity` p ON p.id = a.parent_entity_id
      JOIN {{database}}.`mendixsystem$entity` c ON c.id = a.child_entity_id
      WHERE {{condition}}
      ORDER BY a.association_name
      LIMIT 1) AS known
  ON {{columns}}
WHERE l.table_schema = {{database_literal}}
GROUP BY l.table_name
LIMIT 1

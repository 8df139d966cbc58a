-- Returns the identifiers of some users, by which metering counts them. The ids are numbers from an earlier statement.
SELECT CAST(link."{{identifier_user}}" AS {{text}}) AS id, CAST(max(i."value") AS {{text}}) AS value
FROM {{schema}}"{{identifier_table}}" i
JOIN {{schema}}"{{identifier_link}}" link ON link."{{identifier_other}}" = i."id"
WHERE i."value" <> '' AND link."{{identifier_user}}" IN ({{ids}})
GROUP BY link."{{identifier_user}}"

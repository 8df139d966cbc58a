-- Returns the versions of the Mendix runtime and of the model that used the database last; one row at most.
SELECT {{mendix_version}} AS mendix_version, {{model_version}} AS model_version
FROM {{schema}}"mendixsystem$version"
ORDER BY "lastsyncdate" DESC
LIMIT 1

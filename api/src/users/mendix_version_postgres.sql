-- Returns the version of the Mendix runtime that used the database last; one row at most.
SELECT mendixversion FROM public."mendixsystem$version" ORDER BY lastsyncdate DESC LIMIT 1

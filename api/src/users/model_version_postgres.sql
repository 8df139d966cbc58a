-- Returns the version of the app's model that used the database last; one row at most.
SELECT modelversionnumber FROM public."mendixsystem$version" ORDER BY lastsyncdate DESC LIMIT 1

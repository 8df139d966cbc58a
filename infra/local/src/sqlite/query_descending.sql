-- Items of a partition between two sort keys, both inclusive, after an optional sort key, descending.
SELECT * FROM item
WHERE partition = ?1 AND sort BETWEEN ?2 AND ?3
  AND (?4 IS NULL OR sort < ?4)
  AND (expires_at IS NULL OR expires_at > ?5)
ORDER BY sort DESC
LIMIT ?6

-- Items of the snapshot store. Text is compared by its bytes, as DynamoDB compares keys.
-- version has the 64 bits of an unsigned number; expires_at is in seconds since 1970.
CREATE TABLE IF NOT EXISTS item (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    body BLOB,
    expires_at INTEGER,
    PRIMARY KEY (partition, sort)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_expires_at ON item (expires_at) WHERE expires_at IS NOT NULL;

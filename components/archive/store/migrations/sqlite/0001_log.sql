-- The tables of a log (docs/archive-format.md, section 8). Never change this file: add the next one.
CREATE TABLE migration (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE record (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, payload BLOB);
CREATE TABLE tile (level INTEGER, n INTEGER, hashes BLOB NOT NULL, PRIMARY KEY (level, n)) WITHOUT ROWID;
CREATE TABLE checkpoint (second INTEGER PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL);
CREATE TABLE segment (number INTEGER PRIMARY KEY, class INTEGER NOT NULL, first INTEGER NOT NULL, opened_at_ns INTEGER NOT NULL, manifest INTEGER, keys BLOB);
CREATE TABLE memo (first INTEGER PRIMARY KEY, note BLOB NOT NULL);
CREATE TABLE lease (token INTEGER NOT NULL);
INSERT INTO lease VALUES (0);

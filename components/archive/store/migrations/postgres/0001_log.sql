-- The tables of a log, in a schema of its own (docs/archive-format.md, section 8). Never change this file: add the next one.
-- What is sealed or a hash does not compress: it is not tried (EXTERNAL).
CREATE TABLE migration (number integer PRIMARY KEY, sha256 text NOT NULL);
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE record (idx bigint PRIMARY KEY, leaf bytea NOT NULL, payload bytea);
ALTER TABLE record ALTER leaf SET STORAGE PLAIN, ALTER payload SET STORAGE EXTERNAL;
CREATE TABLE tile (level smallint, n bigint, hashes bytea NOT NULL, PRIMARY KEY (level, n));
ALTER TABLE tile ALTER hashes SET STORAGE EXTERNAL;
CREATE TABLE checkpoint (second bigint PRIMARY KEY, size bigint NOT NULL, note text NOT NULL);
CREATE TABLE segment (number bigint PRIMARY KEY, class smallint NOT NULL, first bigint NOT NULL, opened_at_ns bigint NOT NULL, manifest bigint, keys bytea);
CREATE TABLE memo (first bigint PRIMARY KEY, note bytea NOT NULL);
CREATE TABLE lease (token bigint NOT NULL);
INSERT INTO lease VALUES (0);

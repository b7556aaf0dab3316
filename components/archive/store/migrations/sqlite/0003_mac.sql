-- The MAC of a batch, with its last record (docs/archive-format.md, section 6). Readers do without. Never change this file: add the next one.
ALTER TABLE record ADD COLUMN mac BLOB;

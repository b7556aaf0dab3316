-- Which payloads are destroyed, told without reading all records. Readers do without. Never change this file: add the next one.
CREATE INDEX destroyed ON record (idx) WHERE payload IS NULL;

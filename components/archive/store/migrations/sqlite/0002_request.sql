-- What other processes ask the writer to do (docs/archive-format.md, section 8). Never change this file: add the next one.
CREATE TABLE request (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB, answer TEXT);

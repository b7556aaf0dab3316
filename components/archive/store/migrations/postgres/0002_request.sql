-- What other processes ask the writer to do (docs/archive-format.md, section 8). Never change this file: add the next one.
CREATE TABLE request (number bigserial PRIMARY KEY, id text NOT NULL UNIQUE, body bytea, answer text);

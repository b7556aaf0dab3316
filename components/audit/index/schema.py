"""The index's tables, and the version of their content."""

import sqlite3

from components.audit.index import carried, talk

# Raise this when what is indexed changes: an index of another version is dropped and built again.
FORMAT = 11

# `unread` are records that do not open, cannot be parsed or are not there; `destroyed` those that a tombstone is about.
# `fold` is the version of the fold that the words went through, `look` has the words by what letters look like.
# Words are folded in Python, so that FTS5 has only to split at blanks. They are kept beside FTS5's own tables, because
# it can only take out what it is told again: when a record was destroyed, the log cannot tell it any more.
# `state` has a row for each log (index/logs.py); `idx` is a place in the index. `file` has a row for each record of a
# file that was received, `link` names the file's id for each record that is about it: its own, and the messages with a
# link to it. What a file says is in `content`, once for each SHA-256 (index/contents.py).
SCHEMA = (
    """
CREATE TABLE made (purge_due INTEGER NOT NULL, fold TEXT NOT NULL, links TEXT NOT NULL);
CREATE TABLE state (
    log INTEGER PRIMARY KEY, name TEXT NOT NULL, next_index INTEGER NOT NULL, last_leaf BLOB NOT NULL
);
CREATE TABLE submission (
    idx INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    received_at_ns INTEGER NOT NULL,
    from_local TEXT NOT NULL,
    from_domain TEXT NOT NULL,
    to_local TEXT NOT NULL,
    to_domain TEXT NOT NULL,
    thread TEXT NOT NULL,
    verdict TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    segment INTEGER NOT NULL
);
CREATE INDEX submission_time ON submission (received_at_ns);
CREATE INDEX submission_from_local ON submission (from_local);
CREATE INDEX submission_from_domain ON submission (from_domain, from_local);
CREATE INDEX submission_to_local ON submission (to_local);
CREATE INDEX submission_to_domain ON submission (to_domain, to_local);
CREATE INDEX submission_verdict ON submission (verdict);
CREATE TABLE rule (rule TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (rule, idx)) WITHOUT ROWID;
CREATE INDEX rule_idx ON rule (idx);
CREATE TABLE topic (rule TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (rule, idx)) WITHOUT ROWID;
CREATE INDEX topic_idx ON topic (idx);
CREATE TABLE topic_state (digest TEXT NOT NULL, next_index INTEGER NOT NULL);
CREATE TABLE delivery (idx INTEGER PRIMARY KEY, epoch TEXT NOT NULL, through INTEGER NOT NULL);
CREATE INDEX delivery_epoch ON delivery (epoch, through);
CREATE TABLE bounced (
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (epoch, seq, idx)
) WITHOUT ROWID;
CREATE INDEX bounced_idx ON bounced (idx);
CREATE TABLE unread (idx INTEGER PRIMARY KEY);
CREATE TABLE destroyed (idx INTEGER PRIMARY KEY);
CREATE TABLE folded (
    idx INTEGER PRIMARY KEY, text TEXT NOT NULL, look TEXT NOT NULL, name TEXT NOT NULL, name_look TEXT NOT NULL
);
CREATE VIRTUAL TABLE word
USING fts5 (text, look, name, name_look, content='folded', content_rowid='idx', columnsize=0, tokenize='ascii');
CREATE TABLE file (
    idx INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    content INTEGER NOT NULL,
    name TEXT NOT NULL,
    claimed_type TEXT NOT NULL,
    found_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    copy_sha256 TEXT NOT NULL
);
CREATE INDEX file_id ON file (id);
CREATE INDEX file_content ON file (content);
CREATE INDEX file_sha256 ON file (sha256);
CREATE INDEX file_copy_sha256 ON file (copy_sha256);
CREATE INDEX file_claimed_type ON file (claimed_type);
CREATE INDEX file_found_type ON file (found_type);
CREATE TABLE link (id TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (id, idx)) WITHOUT ROWID;
CREATE INDEX link_idx ON link (idx);
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    blob TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    reader TEXT NOT NULL DEFAULT '',
    picture BLOB,
    heard_characters INTEGER NOT NULL DEFAULT 0,
    text BLOB NOT NULL DEFAULT x''
);
CREATE INDEX content_state ON content (state);
CREATE TABLE content_folded (id INTEGER PRIMARY KEY, text TEXT NOT NULL, look TEXT NOT NULL);
CREATE VIRTUAL TABLE content_word
USING fts5 (text, look, content='content_folded', content_rowid='id', columnsize=0, tokenize='ascii');
"""
    + carried.SCHEMA
    + talk.SCHEMA
)

TABLES = (
    "made",
    "state",
    "submission",
    "rule",
    "topic",
    "topic_state",
    "delivery",
    "bounced",
    "unread",
    "destroyed",
    "word",
    "folded",
    "file",
    "link",
    "content",
    "content_word",
    "content_folded",
    *carried.TABLES,
    *talk.TABLES,
)


def make_tables(database: sqlite3.Connection, fold: str, links: str) -> None:
    """Make all tables anew, empty, within the caller's transaction; `fold` and `links` say what fills them."""
    for table in TABLES:
        database.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in SCHEMA.strip().split(";\n"):
        database.execute(statement)
    database.execute("INSERT INTO made VALUES (0, ?, ?)", (fold, links))
    database.execute("INSERT INTO topic_state VALUES ('', 0)")

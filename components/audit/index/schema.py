"""The index's tables, and the version of their content."""

from components.audit.index import carried, context, facets, routes, talk
from components.audit.index.database import Store

# Raise this when what is indexed changes: an index of another version is dropped and built again.
FORMAT = 16

# `entry` has a row for each record that is searched; `idx` is its place in the index (index/logs.py), so the order of
# rows is that of the logs, and of time as far as the logs' is. There is no other index on it: who wrote to whom is
# found by its route (index/routes.py), and a time by `span`, which has the earliest and the latest of each block of
# places. `submission` shows an entry with its names.
# `unread` are records that do not open, cannot be parsed or are not there; `destroyed` those that a tombstone is about.
# `fold` is the version of the fold that the words went through, `look` has the words by what letters look like.
# Words are folded in Python, so that FTS5 has only to split at blanks; no text is kept (docs/decisions/0200-*). The
# first word of an entry is its route's, such as `:r12`, and then come those of its ids (query/ids.py): no text has one
# with a colon. Each page of FTS5 leaves room
# for what the encryption puts at the end of SQLite's.
# `state` has a row for each log. `file` has a row for each record of a file that was received, `link` names the file's
# id for each record that is about it: its own, and the messages with a link to it. What a file says is in `content`,
# once for each SHA-256 (index/contents.py). `through` is how far an epoch's stanzas were carried out at the latest.
SCHEMA = (
    """
CREATE TABLE made (purge_due INTEGER NOT NULL, fold TEXT NOT NULL, links TEXT NOT NULL);
CREATE TABLE state (
    log INTEGER PRIMARY KEY, name TEXT NOT NULL, next_index INTEGER NOT NULL, last_leaf BLOB NOT NULL
);
CREATE TABLE entry (
    idx INTEGER PRIMARY KEY,
    route INTEGER NOT NULL,
    received_at_ns INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    thread INTEGER NOT NULL,
    turn INTEGER NOT NULL
);
CREATE INDEX entry_thread ON entry (thread) WHERE thread != 0;
CREATE TABLE thread (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE span (block INTEGER PRIMARY KEY, earliest_ns INTEGER NOT NULL, latest_ns INTEGER NOT NULL);
CREATE TABLE rule (rule TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (rule, idx)) WITHOUT ROWID;
CREATE INDEX rule_idx ON rule (idx);
CREATE TABLE topic (rule TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (rule, idx)) WITHOUT ROWID;
CREATE INDEX topic_idx ON topic (idx);
CREATE TABLE topic_state (digest TEXT NOT NULL, next_index INTEGER NOT NULL);
CREATE TABLE epoch (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, through INTEGER NOT NULL);
CREATE TABLE delivery (idx INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, through INTEGER NOT NULL);
CREATE TABLE bounced (
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (epoch, seq, idx)
) WITHOUT ROWID;
CREATE INDEX bounced_idx ON bounced (idx);
CREATE TABLE unread (idx INTEGER PRIMARY KEY);
CREATE TABLE destroyed (idx INTEGER PRIMARY KEY);
CREATE VIRTUAL TABLE word
USING fts5 (text, look, content='', contentless_delete=1, tokenize="ascii tokenchars ':'");
INSERT INTO word (word, rank) VALUES ('pgsz', 4000);
CREATE VIRTUAL TABLE name_word
USING fts5 (text, look, content='', contentless_delete=1, tokenize="ascii tokenchars ':'");
INSERT INTO name_word (name_word, rank) VALUES ('pgsz', 4000);
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
CREATE VIRTUAL TABLE content_word
USING fts5 (text, look, content='', contentless_delete=1, tokenize="ascii tokenchars ':'");
INSERT INTO content_word (content_word, rank) VALUES ('pgsz', 4000);
"""
    + routes.SCHEMA
    + facets.SCHEMA
    + carried.SCHEMA
    + context.SCHEMA
    + talk.SCHEMA
)

WORD_TABLES = ("word", "name_word", "content_word")
TABLES = (
    "made",
    "state",
    "entry",
    "thread",
    "span",
    "rule",
    "topic",
    "topic_state",
    "epoch",
    "delivery",
    "bounced",
    "unread",
    "destroyed",
    *WORD_TABLES,
    "file",
    "link",
    "content",
    *routes.TABLES,
    *facets.TABLES,
    *carried.TABLES,
    *context.TABLES,
    *talk.TABLES,
)


def make_tables(database: Store, fold: str, links: str, version: int = FORMAT) -> None:
    """Make all tables anew, empty, within the caller's transaction; `fold` and `links` say what fills them."""
    database.make_tables(SCHEMA.strip().removesuffix(";").split(";\n"), version)
    database.execute("INSERT INTO made VALUES (0, ?, ?)", (fold, links))
    database.execute("INSERT INTO topic_state VALUES ('', 0)")

"""The tables of the component's own state (components.transfer.state)."""

# What only this process needs, it keeps in memory (components.transfer.day_use).
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY")
COLUMNS = (
    "id, owner, enterprise, name, media_type, size_bytes, purpose,"
    " issued_at_s, lapses_at_s, until_s, stage, address"
)
WITH_COPY = f"{COLUMNS}, COALESCE(delivered, '') FROM upload LEFT JOIN delivered USING (id)"
OF_UPLOADS = ("decided", "known", "delivered", "shut", "vote")
"""Tables whose rows go with those of `upload`, by `id`."""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS upload (id BLOB PRIMARY KEY, owner TEXT NOT NULL, enterprise TEXT NOT NULL,"
    " name TEXT NOT NULL, media_type TEXT NOT NULL, size_bytes INTEGER NOT NULL, purpose TEXT NOT NULL,"
    " issued_at_s INTEGER NOT NULL, lapses_at_s INTEGER NOT NULL, until_s INTEGER NOT NULL, stage TEXT NOT NULL,"
    " address TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS upload_by_time ON upload (issued_at_s)",
    # Of slots that wait for their files: the time is that of few of them, whatever the day has seen.
    "CREATE INDEX IF NOT EXISTS upload_unused ON upload (lapses_at_s) WHERE stage = 'issued'",
    "CREATE TABLE IF NOT EXISTS finished (order_id TEXT PRIMARY KEY) WITHOUT ROWID",
    # Read by the gate, too (components.rules.file_states).
    "CREATE TABLE IF NOT EXISTS decided (id BLOB PRIMARY KEY, rules TEXT NOT NULL, text TEXT NOT NULL,"
    " record INTEGER NOT NULL, evidence TEXT NOT NULL, decided_at_s INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS decided_by_record ON decided (record)",
    # Of each file that is recorded, what is known of it (components.rules.file_facts): the gate reads it.
    "CREATE TABLE IF NOT EXISTS known (id BLOB PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID",
    # Of a file of which a copy is handed out: the copy's blob.
    "CREATE TABLE IF NOT EXISTS delivered (id BLOB PRIMARY KEY, delivered TEXT NOT NULL) WITHOUT ROWID",
    # Of a file that was shut later: for what, so that it is not shut for that again.
    "CREATE TABLE IF NOT EXISTS shut (id BLOB PRIMARY KEY, cause TEXT NOT NULL) WITHOUT ROWID",
    # Of a file that waits for several reviewers: what each has decided so far.
    "CREATE TABLE IF NOT EXISTS vote (id BLOB NOT NULL, by TEXT NOT NULL, act TEXT NOT NULL, at_s INTEGER NOT NULL,"
    " PRIMARY KEY (id, by)) WITHOUT ROWID",
)

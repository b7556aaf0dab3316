"""The index in PostgreSQL: the same statements as in SQLite, with what differs between the two in one place."""

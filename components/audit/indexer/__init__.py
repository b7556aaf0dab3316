"""The indexer: a process that keeps the auditors' index up to date, with the auditors' key (docs/query.md)."""

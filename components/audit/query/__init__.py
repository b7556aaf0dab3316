"""The auditors' query language: text to tree to SQL, pure (its reference is docs/query.md)."""

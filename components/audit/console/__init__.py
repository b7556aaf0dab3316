"""The auditors' console: search, read, review, prove and export in a browser (docs/console.md)."""

"""Files that people sent, as an auditor sees them: listed, shown with their looks, written out (docs/files.md)."""

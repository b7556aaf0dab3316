"""Files: taken by HTTP, kept sealed and recorded before anybody can fetch them (XEP-0363, docs/files.md)."""

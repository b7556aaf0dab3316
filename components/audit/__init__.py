"""What auditors use: index, query language, the record as a person reads it."""

"""Who is admitted to the line, by whose statements."""

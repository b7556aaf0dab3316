"""Orders to the archive as an auditor proposes, signs and sends them."""

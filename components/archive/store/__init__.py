"""Where a log is kept: one durable transaction for each batch."""

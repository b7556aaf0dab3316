"""The gate: each held stanza becomes facts, a decision, a durable record and a verdict, in that order."""

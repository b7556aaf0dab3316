"""Made-up talk of weeks, always the same for a seed, with the truth about it: for demonstrations and tests."""

"""The `steelyard` command: one file for each group of commands (docs/commands.md)."""

"""How any process of a site lives: run, signals, status file, logs, errors."""

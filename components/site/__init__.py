"""One site: its settings, its keys, its server's configuration and the processes it keeps running."""

"""A log's tiles and checkpoint as C2SP tlog-tiles publishes them: in a folder, and over HTTP (docs/tiles.md)."""

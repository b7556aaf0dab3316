"""Files that people sent: listed, shown and written out; and what they say, read for the index within limits."""

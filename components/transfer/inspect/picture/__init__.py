"""Pictures, read without decoding them: their size in pixels, where their format ends, where they were taken."""

"""What is talked about: business, private matters or a move to another channel (docs/topic.md)."""

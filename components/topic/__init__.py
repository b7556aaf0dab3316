"""The models that tell topics, loaded from what is installed (docs/topic.md)."""

"""Conversations as a person reads them: what was said, changed, acknowledged and refused, and who could see it."""

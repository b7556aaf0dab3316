"""What may be said: rules of an enterprise's own, from policy.toml (docs/policy.md, section 5)."""

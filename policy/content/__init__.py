"""The enterprise's own content rules, from policy.toml (docs/policy.md, section 5)."""

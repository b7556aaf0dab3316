"""The ways in: a one-time link, a passkey, an identity provider."""

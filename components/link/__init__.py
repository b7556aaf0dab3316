"""The XEP-0114 link and the gate protocol's codec; the only package that knows slixmpp."""

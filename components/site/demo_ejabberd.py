"""A demonstration on ejabberd: the example's site.toml, with its server named (docs/ejabberd.md)."""

_SERVER = 'server = "ejabberd"                    # the table [prosody] has its settings\n'


def for_ejabberd(text: str) -> str:
    """Return the text of the example's site.toml for ejabberd: named there."""
    return text.replace('name = "Demonstration"\n', f'name = "Demonstration"\n{_SERVER}', 1)

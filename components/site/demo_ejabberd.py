"""A demonstration on ejabberd: the example's site.toml, without what that server cannot do yet (docs/ejabberd.md)."""

import re

_SERVER = 'server = "ejabberd"                    # the table [prosody] has its settings\n'


def for_ejabberd(text: str) -> str:
    """Return the text of the example's site.toml for ejabberd: named there, and without managed contact lists."""
    text = re.sub(r"(?m)^\[roster\].*\n(?:.+\n)*\n?", "", text)
    return text.replace('name = "Demonstration"\n', f'name = "Demonstration"\n{_SERVER}', 1)

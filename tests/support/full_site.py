"""A site that reads more than `init` makes: rules, their words, a source of people, statements outside its folder."""

import shutil
from pathlib import Path

TIPS_POLICY = """
[[rule]]
id = "tips"
kind = "lexicon"
action = "hold"
text = "Your message is with compliance."
files.en = ["words/tips.txt"]
must_match = ["an insider tip"]
"""


def fill_site(site_toml: Path, outside: Path) -> None:
    """Give a site all of this; its statements move to the folder `outside`, which must not exist."""
    folder = site_toml.parent
    shutil.move(folder / "access", outside)
    (folder / "words").mkdir()
    (folder / "words" / "tips.txt").write_text("insider tip\n")
    (folder / "policy.toml").write_text(TIPS_POLICY)
    (folder / "people.csv").write_text("jid,name\n")
    text = site_toml.read_text().replace('folder = "access"', f'folder = "{outside}"')
    site_toml.write_text(f"{text}\n[[directory.csv]]\nenterprise = 'metals'\nfile = 'people.csv'\n")

"""A site whose people come from sources: a file of them, or pushes by SCIM."""

from pathlib import Path

from tests.support.site_toml import write_site_toml

DIRECTORY = """
gate = "gate.example"
[enterprise.metals]
name = "Metals Trading AG"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
desk = [{ id = "base", name = "Base metals" }, { id = "precious", name = "Precious metals" }]
person = [
  { jid = "alice@metals.example", name = "Alice Arden", desk = "base", roles = ["trader"] },
  { jid = "bob@metals.example", name = "Bob Baker", desk = "base", roles = ["trader"] },
  { jid = "carol@metals.example", name = "Carol Castle", desk = "precious", roles = ["trader"] },
  { jid = "dora@metals.example", name = "Dora Dean", roles = ["auditor"] },
]
[enterprise.grain]
name = "Grain Brothers Ltd"
sites = [{ domain = "grain.example", rooms = "rooms.grain.example" }]
person = [{ jid = "george@grain.example", name = "George Garner", roles = ["trader"] }]
"""
CSV = """
[[directory.csv]]
enterprise = "metals"
file = "people.csv"
"""
SCIM = """
[directory]
scim_port = 31999
scim_certificate = "certs/metals.example.crt"
[[directory.scim]]
enterprise = "metals"
token_file = "keys/scim-metals.token"
state = "scim/metals.json"
roles = { Traders = "trader" }
"""
PEOPLE = """jid,name,desk,roles
alice@metals.example,Alice Arden,base,trader
bob@metals.example,Bob Baker,precious,trader
carol@metals.example,Carol Castle,precious,trader
ernest@metals.example,Ernest Eden,,auditor
"""


def make_fed_site(folder: Path) -> Path:
    """Write the settings of a site whose people of one enterprise come from a file; returns the site.toml."""
    (folder / "people.csv").write_text(PEOPLE)
    (folder / "directory.toml").write_text(DIRECTORY)
    return write_site_toml(folder / "site.toml", CSV)

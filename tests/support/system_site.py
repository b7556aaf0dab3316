"""A site.toml for a system, with every process that a site can have."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "config/examples/system-site.toml").read_text()
MORE = """
[access]
jid = "access.steelyard.example"
secret_file = "keys/access.secret"
folder = "/var/lib/steelyard/access/statements"
approvers = ["keys/approver-erin.pub", "keys/approver-frank.pub"]
passwords = "/var/lib/steelyard/access/passwords"
status_file = "/run/steelyard/access/status.json"

[tiles]
port = 8080

[feed]
port = 8443
host = "feed.example"
certificate = "certs/feed.example.crt"
status_file = "/run/steelyard/feed/status.json"

[console]
port = 8444
host = "console.example"
certificate = "certs/console.example.crt"
link_key_file = "keys/console.link"
state_file = "/var/lib/steelyard/audit/console.json"
status_file = "/run/steelyard/console/status.json"

[witness]
name = "witness.example"
key_file = "/var/lib/steelyard/witness/witness.key"
state = "/var/lib/steelyard/witness/state"
status_file = "/run/steelyard/witness/status.json"

[directory]
scim_port = 8445

[[directory.scim]]
enterprise = "metals"
default_roles = ["trader"]
token_file = "keys/scim.token"
state = "/var/lib/steelyard/directory/scim.json"
"""


def whole_example() -> str:
    """The example with all that it leaves out, and every other process."""
    begin = EXAMPLE.index("# [transfer]")
    return EXAMPLE[:begin] + EXAMPLE[begin:].replace("\n# ", "\n").removeprefix("# ") + MORE

from policy.content.parse import parse_policy
from policy.directory.directory import Directory, parse_directory
from policy.rules import Rules

TEXT = """
gate = "gate.metals.example"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice"
roles = ["trader", "approver"]
[[enterprise.metals.person]]
jid = "bob@metals.example"
name = "Bob"
roles = ["trader"]
"""
PEOPLE = TEXT[TEXT.index("[[") :].split("[[enterprise.metals.person]]")[1:]
POLICY = """
[[rule]]
id = "tips"
kind = "lexicon"
action = "flag"
terms.en = ["tip"]
must_match = ["a tip"]
"""


def directory(text: str = TEXT) -> Directory:
    return parse_directory(text)


def test_the_order_in_a_file_does_not_matter() -> None:
    head = TEXT[: TEXT.index("[[")]
    turned = head + "".join("[[enterprise.metals.person]]" + person for person in reversed(PEOPLE))
    turned = turned.replace('["trader", "approver"]', '["approver", "trader"]')
    assert turned != TEXT
    assert Rules(directory(turned)).digest == Rules(directory()).digest


def test_whatever_decides_changes_the_digest() -> None:
    changed = [
        TEXT,
        TEXT.replace("bob@", "bert@"),
        TEXT.replace('["trader"]', '["auditor"]'),
        TEXT.replace("gate.metals", "recorder.metals"),
        'roster = "roster.metals.example"' + TEXT,
        'access = "roster.metals.example"' + TEXT,
    ]
    digests = {Rules(directory(text)).digest for text in changed}
    digests.add(Rules(directory(), parse_policy(POLICY)).digest)
    assert len(digests) == len(changed) + 1


def test_records_name_the_beginning() -> None:
    rules = Rules(directory())
    assert len(rules.digest) == 64
    assert rules.name == rules.digest[:16]

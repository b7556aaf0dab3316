"""A directory with borders of every kind."""

from policy.directory.directory import parse_directory

WALLED_TEXT = """
gate = "gate.x"

[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
desk = [{ id = "research", name = "R" }, { id = "trading", name = "T" }, { id = "deals", name = "D" }]
person = [
  { jid = "rita@metals.example", name = "Rita", desk = "research", roles = ["trader"] },
  { jid = "ron@metals.example", name = "Ron", desk = "research", roles = ["trader"] },
  { jid = "tom@metals.example", name = "Tom", desk = "trading", roles = ["trader"] },
  { jid = "tina@metals.example", name = "Tina", desk = "trading", roles = ["trader"] },
  { jid = "dan@metals.example", name = "Dan", desk = "deals", roles = ["trader"] },
  { jid = "cleo@metals.example", name = "Cleo", roles = ["chaperone"] },
  { jid = "anna@metals.example", name = "Anna", roles = ["approver"] },
  { jid = "ada@metals.example", name = "Ada", roles = ["approver"] },
  { jid = "bot@metals.example", name = "Bot", roles = ["service"] },
]

[[enterprise.metals.barrier]]
id = "wall"
sides = [{ desks = ["research"] }, { desks = ["trading"] }]
chaperoned = true

[[enterprise.metals.barrier]]
id = "deals"
sides = [{ desks = ["deals"] }, { people = ["tina@metals.example"], desks = ["research"] }]

[[enterprise.metals.allow]]
id = "bot"
who = { roles = ["service"] }
reaches = { desks = ["trading"] }

[[enterprise.metals.room]]
jid = "all@rooms.metals.example"
name = "All"

[[enterprise.metals.room]]
jid = "trading@rooms.metals.example"
name = "Trading"
desks = ["trading"]
people = ["bot@metals.example"]

[[enterprise.metals.room]]
jid = "both@rooms.metals.example"
name = "Both"
desks = ["research", "trading"]
roles = ["chaperone"]
chaperoned = true

[[enterprise.metals.room]]
jid = "everybody@rooms.metals.example"
name = "Everybody"
chaperoned = true

[enterprise.grain]
name = "Grain"
sites = [{ domain = "grain.example", rooms = "rooms.grain.example" }]
person = [{ jid = "hanna@grain.example", name = "Hanna", roles = ["approver"] }]
room = [{ jid = "floor@rooms.grain.example", name = "Floor" }]
"""
WALLED = parse_directory(WALLED_TEXT)

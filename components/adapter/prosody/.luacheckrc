-- How luacheck reads what runs inside Prosody: each module and library has the server and its own module as globals.
codes = true
std = "lua54"
max_line_length = 130
read_globals = { "prosody" }
globals = { "module" }
-- One adapter for each life of the server: it is where the next load of its module finds it.
files["**/mod_stanza_gate.lua"] = { globals = { "prosody.stanza_gate" } }
-- The line is closed once in a server's life: each host has an instance of this module.
files["**/mod_auth_while_held.lua"] = { globals = { "prosody.closed_unless_held" } }

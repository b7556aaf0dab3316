-- How luacheck reads what runs inside Prosody: each module and library has the server and its own module as globals.
codes = true
std = "lua54"
max_line_length = 130
read_globals = { "prosody" }
globals = { "module" }

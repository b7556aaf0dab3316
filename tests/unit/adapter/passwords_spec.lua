-- passwords.lib.lua: what the gate is told of a new password.

local t = ...;
local st = require "util.stanza";
local passwords = t.load "passwords".new("urn:test:mark");

local SESSION = { type = "c2s", username = "alice", host = "metals.example" };

local function change(to)
	return st.iq({ type = "set", id = "1", to = to }):tag("query", { xmlns = "jabber:iq:register" })
		:text_tag("username", "alice"):text_tag("password", "secret"):reset();
end

t.test("hides a password in a copy", function ()
	for _, to in ipairs { "", "alice@metals.example", "metals.example", "metals.example/x" } do
		local stanza = change(to ~= "" and to or nil);
		local told = passwords:hide(SESSION, stanza);
		t.equal(tostring(told):find("secret", 1, true), nil);
		t.equal(told:find("{jabber:iq:register}query/password").tags[1].attr.xmlns, "urn:test:mark");
		t.equal(told.tags[1]:get_child_text("username"), "alice");
		t.equal(stanza.tags[1]:get_child_text("password"), "secret");
	end
end);

t.test("hides it in a form and at any depth", function ()
	local stanza = st.iq({ type = "set", id = "1" }):tag("query", { xmlns = "jabber:iq:register" })
		:tag("x", { xmlns = "jabber:x:data" }):tag("field", { var = "password" }):text_tag("value", "secret"):reset();
	t.equal(tostring(passwords:hide(SESSION, stanza)):find("secret", 1, true), nil);
end);

t.test("leaves everything else as it is", function ()
	for _, stanza in ipairs {
		change("bob@metals.example"), change("rooms.metals.example"), st.message({ type = "chat" }, "secret"),
		st.iq({ type = "get", id = "1" }):tag("query", { xmlns = "jabber:iq:roster" }):reset(), st.iq({ type = "result", id = "1" }),
	} do
		t.equal(rawequal(passwords:hide(SESSION, stanza), stanza), true);
	end
	local stanza = change();
	t.equal(rawequal(passwords:hide({ type = "component", host = "metals.example" }, stanza), stanza), true);
end);

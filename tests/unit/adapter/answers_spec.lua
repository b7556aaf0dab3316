-- Answers: who is told that a stanza was not carried out, and what.

local t = ...;
local st = require "util.stanza";
local wire = t.load "wire";
local answers = t.load "answers".new { wire = wire, link = { gate = "gate.a.example" } };

-- A session; `told` has what it was sent.
local function new_session()
	local told = {};
	return { send = function (stanza) told[#told + 1] = stanza; end }, told;
end

local function offer(type, from)
	return st.message({ from = from or "alice@a.example/x", to = "bob@a.example", id = "m1", type = type }, "secret");
end

t.test("each reason has an error of its own that says what to do", function ()
	local conditions = {
		interrupted = { "wait", "resource-constraint" }, overloaded = { "wait", "resource-constraint" },
		failed = { "wait", "internal-server-error" }, border = { "cancel", "not-allowed" }, empty = { "modify", "bad-request" },
		["too large"] = { "modify", "policy-violation" }, unwritable = { "modify", "bad-request" },
	};
	local texts = {};
	for reason, expected in pairs(conditions) do
		local session, told = new_session();
		answers:bounce(session, offer "chat", reason);
		local type, condition, text = told[1]:get_error();
		t.equal({ type, condition }, expected);
		t.equal({ told[1].attr.to, told[1].attr.from, told[1].attr.id }, { "alice@a.example/x", "bob@a.example", "m1" });
		assert(text and not texts[text] and not tostring(told[1]):find "secret");
		texts[text] = true;
	end
end);

t.test("nobody is answered who does not wait for it", function ()
	local session, told = new_session();
	local silent = {
		offer "error", offer("chat", "gate.a.example"), st.iq { from = "alice@a.example/x", type = "result", id = "1" },
		st.iq { from = "alice@a.example/x", type = "error", id = "1" }, st.presence { from = "a@a.example", type = "error" },
	};
	for _, stanza in ipairs(silent) do
		answers:bounce(session, stanza, "interrupted");
		answers:refuse(session, stanza, st.stanza("error", { type = "cancel" }));
	end
	answers:bounce({}, offer "chat", "interrupted"); -- nothing can be sent to it
	answers:refuse({}, offer "chat");
	t.equal(told, {});
	for _, type in ipairs { "get", "set" } do
		answers:bounce(session, st.iq { from = "alice@a.example/x", type = type, id = "1" }, "interrupted");
	end
	t.equal(#told, 2);
end);

t.test("a refusal has the error of the gate and leaves the gate's own as it was", function ()
	local session, told = new_session();
	local error_tag = st.stanza("error", { xmlns = "jabber:client", type = "modify" })
		:tag("policy-violation", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):reset();
	answers:refuse(session, offer "chat", error_tag);
	t.equal({ told[1].attr.type, told[1].attr.to, #told[1].tags }, { "error", "alice@a.example/x", 1 });
	t.equal({ told[1]:get_error() }, { "modify", "policy-violation" });
	t.equal({ told[1].tags[1].attr.xmlns, error_tag.attr.xmlns }, { nil, "jabber:client" });
	assert(not tostring(told[1]):find "secret");
	answers:refuse(session, offer "chat");
	t.equal({ told[2].attr.type, #told[2].tags }, { "error", 0 });
end);

t.test("who may not log in now is told that recording is interrupted", function ()
	local told = answers.unavailable();
	t.equal({ told.type, told.condition }, { "wait", "resource-constraint" });
	assert(told.text:find("recording is interrupted", 1, true));
end);

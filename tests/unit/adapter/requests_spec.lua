-- Requests: each element of the gate goes to the part that it is for, and what nobody understands harms nothing.

local t = ...;
local st = require "util.stanza";
local wire = t.load "wire";
local requests = t.load "requests";

local GATE = { host = "gate.a.example" };

-- Parts that note what they are asked for.
local function new_scene()
	local scene = { entries = {} };
	local parts = { wire = wire, window = {} };
	parts.verdicts, scene.verdicts = t.spy { "take" };
	parts.status, scene.status = t.spy { "forget" };
	parts.link, scene.link = t.spy { "end_silence" };
	parts.quarantine, scene.unread = t.spy { "note_unread" };
	parts.server_made, scene.made = t.spy { "part_those_online", "note_occupant_again" };
	parts.submissions, scene.submitted = t.spy { "hold", "inject", "note_event" };
	parts.borders = { take = function (element) return element.attr.part == element.attr.of; end };
	function parts.window.each()
		local i = 0;
		return function () i = i + 1; return scene.entries[i]; end;
	end
	parts.link.gate, parts.link.session = "gate.a.example", GATE;
	function parts.link.own_domain() return "a.example"; end
	scene.requests = requests.new(parts);
	function scene:take(name, attr, child)
		local message = st.message({ from = "gate.a.example", to = "a.example" })
			:tag(name, { xmlns = wire.XMLNS });
		for key, value in pairs(attr or {}) do message.tags[1].attr[key] = value; end
		if child then message:tag("forwarded", { xmlns = "urn:xmpp:forward:0" }):add_child(child); end
		self.requests:take(GATE, message:reset());
		return message;
	end
	return scene;
end

t.test("a verdict and what is unread go where they belong", function ()
	local scene = new_scene();
	local message = scene:take("verdict", { seq = "1" });
	t.equal({ #scene.verdicts, scene.verdicts[1][2] == message.tags[1], scene.link }, { 1, true, {} });
	scene:take("unread", { seq = "7" });
	t.equal({ scene.unread, t.logged }, { { { "note_unread", 7 } }, {} });
end);

t.test("a gate that has noted a status records", function ()
	local scene = new_scene();
	scene:take("noted", { n = "3" });
	t.equal({ scene.status, scene.link }, { { { "forget", 3 } }, { { "end_silence" } } });
end);

t.test("those online are parted when the table is complete", function ()
	local scene = new_scene();
	scene:take("borders", { part = "1", of = "2" });
	t.equal(scene.made, {});
	scene:take("borders", { part = "2", of = "2" });
	t.equal({ scene.made, #t.logged }, { { { "part_those_online" } }, 1 });
end);

t.test("a canary is held on its way from the gate to the gate", function ()
	local scene = new_scene();
	scene:take("canary", { id = "c'1" });
	local name, origin, stanza, host, way = table.unpack(scene.submitted[1]);
	t.equal({ name, origin == GATE, host, way, #scene.submitted }, { "hold", true, "a.example", "canary", 1 });
	t.equal({ stanza.attr.from, stanza.attr.to, stanza.attr.id }, { "gate.a.example", "gate.a.example", "c'1" });
	t.equal(stanza:get_child("canary", wire.XMLNS).attr.id, "c'1");
end);

t.test("what is not understood is logged and asks for nothing", function ()
	local scene = new_scene();
	scene:take("canary"); -- without an id
	scene:take("occupants"); -- without a room
	scene:take("later", { id = "1" });
	scene.requests:take(GATE, st.message({ from = "gate.a.example" }, "secret"));
	t.equal({ scene.submitted, scene.made, #t.logged }, { {}, {}, 4 });
	for _, line in ipairs(t.logged) do assert(line:match "^warn: " and not line:find "secret"); end
	scene.requests:take(GATE, st.message { type = "error" });
	t.equal(#t.logged, 4);
end);

t.test("only a message with the gate's element is for the adapter", function ()
	local made = new_scene().requests;
	local element = { xmlns = wire.XMLNS };
	t.equal(made:is_to_adapter(st.message():tag("later", element):reset()), true);
	assert(not made:is_to_adapter(st.message()));
	assert(not made:is_to_adapter(st.presence():tag("verdict", element):reset()));
	assert(not made:is_to_adapter(st.message():tag("verdict", { xmlns = "urn:x" }):reset()));
end);

-- Injections --------------------------------------------------------------------------------------------------------------

local function forwarded(name, from)
	return st.stanza(name, { xmlns = "jabber:client", from = from, to = "bob@b.example", id = "m1" }):tag("body"):reset();
end

t.test("an account's message is said by its session or by one that stands in", function ()
	local scene = new_scene();
	t.prosody.hosts["a.example"] = { type = "local" };
	local session = {};
	t.prosody.full_sessions["alice@a.example/x"] = session;
	scene:take("inject", { id = "1" }, forwarded("message", "alice@a.example/x"));
	scene:take("inject", { id = "2" }, forwarded("message", "alice@a.example/gone"));
	scene:take("inject", { id = "3" }, forwarded("message", "alice@a.example"));
	local first, second, third = table.unpack(scene.submitted);
	t.equal({ first[1], first[2] == session, first[4], first[5] }, { "inject", true, "client", "1" });
	t.equal({ first[3].attr.xmlns, first[3].attr.from }, { nil, "alice@a.example/x" });
	local speaker = second[2];
	t.equal({ speaker.type, speaker.full_jid, speaker.username }, { "c2s", "alice@a.example/gone", "alice" });
	t.equal({ speaker.destroyed, speaker.send(), third[2].full_jid }, { true, true, "alice@a.example" });
end);

t.test("everybody else is spoken for by the gate's own stream", function ()
	local scene = new_scene();
	t.prosody.hosts["rooms.a.example"] = { type = "component" };
	for id, from in ipairs { "gate.a.example", "r@rooms.a.example", "dan@c.example/x" } do
		scene:take("inject", { id = tostring(id) }, forwarded("message", from));
		t.equal({ scene.submitted[id][2] == GATE, scene.submitted[id][4], scene.submitted[id][5] }, { true, nil, tostring(id) });
	end
end);

t.test("nobody is made present without a session", function ()
	local scene = new_scene();
	t.prosody.hosts["a.example"] = { type = "local" };
	scene:take("inject", { id = "1" }, forwarded("presence", "alice@a.example/x"));
	t.equal({ scene.submitted, t.logged }, { {}, {} });
	t.prosody.full_sessions["alice@a.example/x"] = {};
	scene:take("inject", { id = "1" }, forwarded("presence", "alice@a.example/x"));
	t.equal(#scene.submitted, 1);
end);

t.test("an injection without an id or addresses or a stanza is an error in the log", function ()
	local scene, nowhere = new_scene(), forwarded("message", "gate.a.example");
	nowhere.attr.to = nil;
	scene:take("inject", { id = "1" });
	scene:take("inject", {}, forwarded("message", "gate.a.example"));
	scene:take("inject", { id = "2" }, forwarded "message");
	scene:take("inject", { id = "3" }, nowhere);
	t.equal({ scene.submitted, #t.logged }, { {}, 4 });
	for _, line in ipairs(t.logged) do assert(line:match "^error: "); end
end);

-- Occupants ---------------------------------------------------------------------------------------------------------------

-- A room with these occupants by nick: lists of full JIDs.
local function add_room(occupants)
	local room = {};
	function room.each_occupant()
		local made = {};
		for nick, jids in pairs(occupants) do
			made[nick] = { each_session = function ()
				local i = 0;
				return function () i = i + 1; return jids[i]; end;
			end };
		end
		return pairs(made);
	end
	local host = { modules = { muc = { get_room_from_jid = function (jid) return jid == "r@rooms.a.example" and room; end } } };
	t.prosody.hosts["rooms.a.example"] = host;
	return host;
end

t.test("the gate is told who is in a room and not who is about to leave or is gone", function ()
	local scene = new_scene();
	local host = add_room { ["r@rooms.a.example/n"] = {
		"alice@a.example/x", "alice@a.example/gone", "bob@a.example/x", "dan@c.example/x", "eve@a.example/x",
	} };
	t.prosody.hosts["a.example"] = {};
	local asleep = { hibernating = true };
	t.prosody.full_sessions["alice@a.example/x"], t.prosody.full_sessions["bob@a.example/x"] = asleep, {};
	t.prosody.full_sessions["eve@a.example/x"] = {};
	scene.entries = {
		{ stanza = st.presence { type = "unavailable", from = "bob@a.example/x" } }, {},
		{ stanza = st.presence { from = "alice@a.example/x" } },
		{ stanza = st.message { type = "unavailable", from = "dan@c.example/x" } },
	};
	scene:take("occupants", { room = "r@rooms.a.example" });
	t.equal(#scene.made, 3);
	for i, jid in ipairs { "alice@a.example/x", "dan@c.example/x", "eve@a.example/x" } do
		local call = scene.made[i];
		t.equal({ call[2] == host, call[3], call[4] }, { true, "r@rooms.a.example/n", jid });
	end
	t.equal(#scene.submitted, 1);
	t.equal({ scene.submitted[1][2] == asleep, scene.submitted[1][3] }, { true, "hibernate" });
end);

t.test("of a room that is not there nothing is told", function ()
	local scene = new_scene();
	add_room {};
	t.prosody.hosts["a.example"] = { modules = {} };
	for _, room in ipairs { "none@rooms.a.example", "r@a.example", "r@nowhere.example" } do
		scene:take("occupants", { room = room });
	end
	t.equal({ scene.made, scene.submitted, t.logged }, { {}, {}, {} });
end);

t.test("nobody is heard who has the gate's name and not its stream", function ()
	local scene = new_scene();
	local message = st.message({ from = "gate.a.example", to = "a.example" }):tag("borders", {
		xmlns = wire.XMLNS, part = "1", of = "1", open = "true",
	}):reset();
	scene.requests:take({ host = "gate.a.example", type = "component" }, message);
	t.equal({ scene.made, #t.logged }, { {}, 1 });
	scene.requests:take(GATE, message);
	t.equal({ scene.made, #t.logged }, { { { "part_those_online" } }, 2 });
end);

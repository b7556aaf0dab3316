-- What the server makes itself: what is submitted of it, and what stops at a border.

local t = ...;
local st = require "util.stanza";
t.prosody.bare_sessions = {};
local server_made = t.load "server_made";

local ALICE, BOB, ROOM = "alice@a.example", "bob@a.example", "r@rooms.a.example/alice";

-- By two addresses, what borders.between answers; `noted` has what was submitted: its addresses, and whether it was stopped.
local function new_scene()
	local scene = { walls = {}, noted = {}, parted = {} };
	local borders = { bare = function (address) return address:match "^[^/]*"; end };
	function borders.between(from, to)
		local wall = scene.walls[from:match "^[^/]*" .. ">" .. to:match "^[^/]*"];
		return wall ~= nil, wall ~= "unlisted";
	end
	function borders.each_parted(people, callback)
		assert(people == t.prosody.bare_sessions);
		for _, two in ipairs(scene.parted) do callback(two[1], two[2]); end
	end
	scene.made = server_made.new {
		borders = borders,
		submissions = { note = function (_, _, stanza, _, stopped)
			scene.noted[#scene.noted + 1] = { stanza.attr.from, stanza.attr.to, stopped };
		end },
	};
	scene.session = { username = "bob", host = "a.example", full_jid = BOB .. "/x" };
	function scene:tells(stanza) return self.made:told(stanza, self.session) == stanza; end
	return scene;
end

local function presence(type, from, to)
	return st.presence { type = type, from = from or ALICE .. "/x", to = to or BOB .. "/x" };
end

local function own_presence(type)
	return presence(type, ROOM):tag("x", { xmlns = "http://jabber.org/protocol/muc#user" })
		:tag("status", { code = "110" }):reset();
end

local function out_of_archive(from, to)
	return st.message({ to = BOB .. "/x" }):tag("result", { xmlns = "urn:xmpp:mam:2" })
		:tag("forwarded", { xmlns = "urn:xmpp:forward:0" })
		:tag("message", { xmlns = "jabber:client", from = from, to = to }):reset();
end

t.test("what crosses a border is submitted as stopped and goes nowhere", function ()
	local scene = new_scene();
	t.equal(scene.made:note({}, presence(), "a.example"), nil);
	scene.walls[ALICE .. ">" .. BOB] = "listed";
	t.equal(scene.made:note({}, presence(), "a.example"), true);
	t.equal(scene.noted, { { ALICE .. "/x", BOB .. "/x", false }, { ALICE .. "/x", BOB .. "/x", true } });
end);

t.test("errors and answers and a room's last word cross every border", function ()
	local scene = new_scene();
	scene.walls[ALICE .. ">" .. BOB], scene.walls["r@rooms.a.example>" .. BOB] = "listed", "listed";
	for _, type in ipairs { "error", "result" } do
		t.equal(scene.made:is_stopped(st.iq { type = type, from = ALICE, to = BOB, id = "1" }), false);
		t.equal(scene:tells(st.iq { type = type, from = ALICE, to = BOB, id = "1" }), true);
	end
	t.equal({ scene.made:is_stopped(own_presence "unavailable"), scene:tells(own_presence "unavailable") }, { false, true });
	t.equal({ scene.made:is_stopped(own_presence()), scene:tells(own_presence()) }, { true, false });
	t.equal(scene.made:is_stopped(presence("unavailable", ROOM)), true); -- of somebody else in the room
	t.equal(scene.made:is_stopped(st.message { from = ALICE }), false);
end);

t.test("a presence that its session has said is submitted once", function ()
	local scene, said = new_scene(), presence();
	scene.made:mark_submitted(said);
	scene.made:note_unsubmitted({ host = "a.example" }, said);
	t.equal(scene.noted, {});
	scene.made:note_unsubmitted({ host = "a.example" }, st.message { from = ALICE, to = BOB });
	t.equal(scene.noted, {});
	scene.made:note_unsubmitted({ host = "a.example" }, presence "unsubscribed");
	t.equal(#scene.noted, 1);
end);

t.test("of what the server makes late only errors are submitted", function ()
	local scene = new_scene();
	scene.made:note_bounce({}, st.message { type = "chat", from = ALICE, to = BOB }, "a.example");
	scene.made:note_bounce({}, st.message { type = "error", from = ALICE, to = BOB }, "a.example");
	t.equal(scene.noted, { { ALICE, BOB, false } });
end);

t.test("an occupant is noted where the room says so of them and nobody else does", function ()
	local scene, room = new_scene(), { host = "rooms.a.example" };
	t.prosody.hosts["rooms.a.example"] = room;
	scene.made:note_occupant({ host = "rooms.a.example" }, own_presence()); -- a session that only says it
	scene.made:note_occupant(room, presence(nil, ROOM));
	t.equal(scene.noted, {});
	scene.made:note_occupant(room, own_presence());
	scene.made:note_occupant_again(room, ROOM, BOB .. "/y");
	t.equal(scene.noted, { { ROOM, BOB .. "/x", false }, { ROOM, BOB .. "/y", false } });
end);

t.test("a client is not told what a border is in the way of", function ()
	local scene = new_scene();
	local message = st.message { from = ALICE .. "/x", to = BOB };
	t.equal(scene:tells(message), true);
	scene.walls[ALICE .. ">" .. BOB] = "listed";
	t.equal({ scene:tells(message), #t.logged }, { false, 1 });
	scene.session.resending_unacked = true;
	t.equal(scene:tells(message), true);
	scene.session.resending_unacked, scene.session.username = nil, nil; -- not logged in
	t.equal(scene:tells(message), true);
end);

t.test("what waited offline comes from who has left the line and not over a border", function ()
	local scene = new_scene();
	local message = st.message { from = ALICE, to = BOB };
	local function deliver(own)
		return scene.made:deliver_offline(own, function () return scene:tells(message); end);
	end
	scene.walls[ALICE .. ">" .. BOB] = "unlisted";
	t.equal({ scene:tells(message), deliver "eve@a.example", deliver(BOB), scene:tells(message) }, { false, false, true, false });
	scene.walls[ALICE .. ">" .. BOB] = "listed";
	t.equal(deliver(BOB), false);
end);

t.test("one's own archive does not tell what was said over a border either way", function ()
	local scene = new_scene();
	local one, other = out_of_archive(ALICE .. "/x", BOB), out_of_archive(BOB .. "/x", ALICE);
	t.equal({ scene:tells(one), scene:tells(other) }, { true, true });
	scene.walls[ALICE .. ">" .. BOB] = "listed";
	t.equal({ scene:tells(one), scene:tells(other) }, { false, true });
	scene.walls = { [BOB .. ">" .. ALICE] = "listed" };
	t.equal({ scene:tells(one), scene:tells(other) }, { true, false });
	scene.walls = { [BOB .. ">" .. ALICE] = "unlisted", [ALICE .. ">" .. BOB] = "unlisted" };
	t.equal({ scene:tells(one), scene:tells(other) }, { true, true }); -- they have left the line
	t.equal(scene:tells(out_of_archive(nil, ALICE)), true);
end);

t.test("those who saw each other over a new border see each other go once", function ()
	local scene, told = new_scene(), {};
	local function session_of(jid, subscription, is_online)
		local session = {
			full_jid = jid .. "/x", host = "a.example", username = jid:match "^[^@]*", presence = is_online and presence() or nil,
			roster = { [ALICE] = { subscription = subscription } },
		};
		function session.send(stanza)
			assert(scene.made:told(stanza, session) == stanza); -- the filter lets this one pass
			told[#told + 1] = { stanza.attr.from, stanza.attr.to, stanza.attr.type };
		end
		return { sessions = { x = session } };
	end
	local people = t.prosody.bare_sessions;
	people[ALICE], people[BOB] = session_of(ALICE, nil, true), session_of(BOB, "to", true);
	people["carol@a.example"] = session_of("carol@a.example", "from", true); -- saw nothing of alice
	people["dan@a.example"] = session_of("dan@a.example", "both", false); -- is not online
	people["eve@a.example"] = session_of("eve@a.example", "both", true);
	for _, name in ipairs { "bob", "carol", "dan", "eve" } do
		scene.walls[ALICE .. ">" .. name .. "@a.example"] = "listed";
		scene.parted[#scene.parted + 1] = { ALICE, name .. "@a.example" };
	end
	scene.made:part_those_online();
	local gone, eve = { ALICE .. "/x", BOB .. "/x", "unavailable" }, "eve@a.example/x";
	t.equal(told, { gone, { ALICE .. "/x", eve, "unavailable" } });
	t.equal(scene.noted, { { ALICE .. "/x", BOB .. "/x", false }, { ALICE .. "/x", eve, false } });
	t.equal(scene.made:is_stopped(presence("unavailable", nil, eve)), true); -- the next one is stopped
end);

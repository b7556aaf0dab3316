-- Submissions: what is held, what is turned away, what is only recorded, and what the gate is told beside it.

local t = ...;
local st = require "util.stanza";
local wire, window, submissions, returned = t.load "wire", t.load "window", t.load "submissions", t.load "returned";

-- Submissions of one session, alice's; `sent` has what went out as XML, `bounced` whom the answers told what.
local function new_scene(max_stanzas)
	local scene = { sent = {}, bounced = {}, turned_away = 0, paused = 0, done = 0, window = window.new(max_stanzas or 10, 100000) };
	scene.alice = { host = "a.example", type = "c2s", full_jid = "alice@a.example/x" };
	scene.sender = { id = "c1", held = 0, held_bytes = 0, unanswered = 0, heads = {}, origin = scene.alice };
	scene.ledger = {};
	local ledger = scene.ledger;
	scene.submissions = submissions.new {
		wire = wire, window = scene.window, max_stanza_bytes = 2000,
		link = {
			gate = "gate.a.example", own_domain = function () return "a.example"; end,
			is_silent = function () return scene.is_silent or false; end,
		},
		returned = returned.new { window = scene.window },
		hosts = { is_held = function (_, host) return host ~= "unheld.example"; end },
		quarantine = { submit = function (_, entry) scene.sent[#scene.sent + 1] = entry.xml; end },
		status = {
			known_done = function () return scene.done; end,
			add_turned_away = function () scene.turned_away = scene.turned_away + 1; end,
		},
		answers = {
			bounce = function (_, origin, stanza, reason)
				assert(origin == scene.alice);
				scene.bounced[#scene.bounced + 1] = { stanza.attr.id, reason };
			end,
		},
		senders = {
			of = function () return scene.sender; end,
			pause_if_high = function () scene.paused = scene.paused + 1; end,
		},
		passwords = { hide = function (_, _, stanza) return scene.told_instead or stanza; end },
		acknowledgements = {
			counts = function () return ledger.counts; end,
			enter = function (_, _, entry) ledger.entered = entry; end,
			may_be_said_again = function () return ledger.left ~= nil; end,
			is_said_again = function (_, _, _, is_same) return is_same(ledger.left); end,
		},
		unheard_errors = {
			note = function (_, whose, place) if whose then scene.returned = { whose, place }; end end,
		},
	};
	function scene:hold(stanza, way, host)
		return self.submissions:hold(self.alice, stanza, host or "a.example", way or "c2s", "client");
	end
	return scene;
end

local function message(id, text)
	return st.message({ from = "alice@a.example/x", to = "bob@b.example", id = id }, text or "Offer");
end

-- No parser takes an element of this namespace.
local UNWRITABLE = { xmlns = "http://www.w3.org/2000/xmlns/" };

local function farewell(to)
	return st.presence { from = "alice@a.example/x", type = "unavailable", to = to };
end

t.test("what is held is in the window and submitted once", function ()
	local scene = new_scene();
	t.equal({ scene:hold(message "1"), scene:hold(message "2") }, { true, true });
	t.equal({ #scene.sent, scene.window.count, scene.bounced, scene.paused }, { 2, 2, {}, 2 });
	local entry = scene.window.entries[2];
	t.equal({ entry.stanza.attr.id, entry.as, entry.held_at, entry.is_settled }, { "2", "client", t.now_s, false });
	t.equal({ entry.patient, entry.injected, scene.ledger.entered == entry }, { nil, nil, true });
	assert(scene.sent[2]:find(" seq='2'>", 1, true) and scene.sent[2]:find(" way='c2s'", 1, true));
end);

t.test("while the gate is silent the stanza goes back", function ()
	local scene = new_scene();
	scene.is_silent = true;
	t.equal({ scene:hold(message "1"), scene:hold(message "2", "canary") }, { true, true });
	t.equal(scene.bounced, { { "1", "interrupted" }, { "2", "interrupted" } });
	t.equal({ scene.turned_away, scene.window.count, scene.sent, scene.ledger.entered }, { 2, 0, {} });
end);

local function failed(id)
	return st.message { from = "zoe@b.example", to = "alice@a.example/x", id = id, type = "error" };
end

t.test("an error of another site waits for a gate that is away as far as there is room", function ()
	local scene = new_scene(8);
	scene:hold(failed "1", "s2s");
	scene.is_silent = true;
	for id = 2, 4 do scene:hold(failed(tostring(id)), "s2s"); end
	t.equal({ scene.window.count, scene.window.patient_count, scene.turned_away, scene.paused }, { 3, 2, 1, 1 });
	t.equal({ #t.logged, t.logged[3] }, { 3, "warn: An error from zoe@b.example is dropped: interrupted" });
	scene:hold(message "5", "s2s");
	scene:hold(failed "6", "c2s");
	t.equal({ scene.window.count, scene.turned_away, #t.logged }, { 3, 3, 3 });
end);

t.test("nothing waits in a server that stops or on a host without the adapter", function ()
	local scene = new_scene(8);
	scene.is_silent = true;
	scene:hold(failed "1", "s2s", "unheld.example");
	scene.submissions.link.is_stopped = true;
	scene:hold(failed "2", "s2s");
	t.equal({ scene.window.count, scene.turned_away, #t.logged }, { 0, 2, 2 });
end);

t.test("where a stanza stood that goes back at once is noted", function ()
	local scene, stanza = new_scene(), message "1";
	scene.alice.stanza_gate_ledger = { unseen = { [stanza] = 7 } };
	scene:hold(stanza);
	t.equal(scene.returned, nil);
	scene.is_silent = true;
	scene:hold(stanza);
	t.equal(scene.returned, { scene.alice.stanza_gate_ledger, 7 });
end);

t.test("of a host without the adapter only the canary is held", function ()
	local scene = new_scene();
	scene:hold(message "1", "c2s", "unheld.example");
	scene:hold(message "2", "canary", "unheld.example");
	t.equal({ scene.bounced, scene.turned_away, scene.window.count }, { { { "1", "interrupted" } }, 1, 1 });
end);

t.test("the canary does not stop the reading of its own stream", function ()
	local scene = new_scene();
	scene:hold(message "1", "canary");
	t.equal({ #scene.sent, scene.paused }, { 1, 0 });
end);

t.test("what does not fit goes back and is logged without its text", function ()
	local scene = new_scene(2);
	for id = 1, 3 do scene:hold(message(tostring(id), "secret")); end
	t.equal({ scene.bounced, scene.turned_away, scene.window.count, #t.logged }, { { { "3", "overloaded" } }, 1, 2, 1 });
	assert(not t.logged[1]:find "secret");
	scene.window:remove(scene.window.entries[1]);
	scene:hold(message "4");
	t.equal({ scene.turned_away, #scene.sent }, { 1, 3 });
end);

t.test("what is too large or cannot be written is refused and takes no number", function ()
	local scene = new_scene();
	scene:hold(message("1", ("secret"):rep(400)));
	scene:hold(message("2"):tag("x", UNWRITABLE));
	scene:hold(message "3");
	t.equal({ scene.bounced, scene.turned_away }, { { { "1", "too large" }, { "2", "unwritable" } }, 0 });
	t.equal({ #scene.sent, scene.window.entries[1].stanza.attr.id, #t.logged }, { 1, "3", 2 });
	assert(not t.logged[1]:find "secret");
end);

t.test("what is done is told only where it has changed", function ()
	local scene, told = new_scene(), {};
	for _, done in ipairs { 0, 1, 1, 3 } do
		scene.done = done;
		scene:hold(message "1");
		told[#told + 1] = scene.sent[#scene.sent]:match "<held[^>]* done='(%d+)'" or "none";
	end
	t.equal(told, { "none", "1", "none", "3" });
end);

t.test("a client that counts has it said of what it counts alone", function ()
	local scene = new_scene();
	scene:hold(message "1");
	scene.ledger.counts = 7;
	scene:hold(message "2");
	scene.ledger.counts = nil;
	scene:hold(message "3");
	local counted = {};
	for i, xml in ipairs(scene.sent) do counted[i] = xml:find(" counted='true'", 1, true) ~= nil; end
	t.equal(counted, { false, true, false });
end);

t.test("the heads of hosts and ways are not mixed up", function ()
	local scene, heads = new_scene(), {};
	scene:hold(message "1", "c2s", "a.example");
	scene:hold(message "2", "c2s", "b.example");
	scene:hold(message "3", "s2s", "b.example");
	for i, xml in ipairs(scene.sent) do heads[i] = { xml:match "^<message from='([^']*)'.- way='([^']*)'" }; end
	t.equal(heads, { { "a.example", "c2s" }, { "b.example", "c2s" }, { "b.example", "s2s" } });
end);

t.test("the gate is told what stands for a password and the stanza itself is held", function ()
	local scene, stanza = new_scene(), message("1", "secret");
	scene.told_instead = message("1", "hidden");
	scene:hold(stanza);
	assert(scene.sent[1]:find "hidden" and not scene.sent[1]:find "secret");
	assert(scene.window.entries[1].stanza == stanza);
end);

t.test("what a client says again goes no further and another stanza does", function ()
	local scene = new_scene();
	scene:hold(message "1");
	scene.ledger.left = scene.window.entries[1];
	t.equal(scene:hold(message "1"), true);
	t.equal({ #scene.sent, scene.window.count }, { 1, 1 });
	scene:hold(message("1", "Another offer"));
	t.equal({ #scene.sent, scene.bounced }, { 2, {} });
end);

t.test("said again while the gate is silent it is not bounced", function ()
	local scene = new_scene();
	scene:hold(message "1");
	scene.ledger.left, scene.is_silent = scene.window.entries[1], true;
	scene:hold(message "1");
	t.equal({ scene.bounced, scene.turned_away }, { {}, 0 });
end);

t.test("the farewell of an ended session is kept whatever is interrupted", function ()
	local scene = new_scene(1);
	scene:hold(message "1");
	scene.alice.destroyed, scene.is_silent = true, true;
	local said = farewell();
	scene:hold(said);
	local entry = scene.window.entries[2];
	t.equal({ scene.bounced, scene.turned_away, entry.patient, scene.window.patient_count }, { {}, 0, true, 1 });
	said.attr.to = "bob@b.example"; -- as the server does, with the one object
	t.equal({ entry.stanza.attr.to, scene.sender.farewell == entry }, { nil, true });
end);

t.test("who has said good-bye does not say it twice and it has no time limit then", function ()
	local scene = new_scene();
	scene:hold(farewell());
	local said = scene.window.entries[1];
	t.equal({ scene.sender.farewell == said, said.patient }, { true, nil });
	scene.alice.destroyed = true;
	t.equal(scene:hold(farewell()), true);
	t.equal({ #scene.sent, said.patient }, { 1, true });
end);

t.test("a good-bye to one contact is none and who comes back has said none", function ()
	local scene = new_scene();
	scene:hold(farewell "room@rooms.a.example/alice");
	t.equal(scene.sender.farewell, nil);
	scene:hold(farewell());
	scene:hold(st.presence { from = "alice@a.example/x" });
	t.equal(scene.sender.farewell, nil);
	scene.alice.destroyed = true;
	scene:hold(farewell());
	t.equal(#scene.sent, 4);
end);

t.test("what the gate asks for is held under its id and without a bounce", function ()
	local scene = new_scene(1);
	scene.submissions:inject(scene.alice, message "1", "client", "r'1");
	local entry = scene.window.entries[1];
	t.equal({ entry.injected, entry.patient, entry.as, entry.held_at }, { true, nil, "client", t.now_s });
	assert(scene.sent[1]:find(" way='gate'", 1, true) and scene.sent[1]:find(" inject='r&apos;1'", 1, true));
	scene.submissions:inject(scene.alice, message "2", "client", "r2"); -- there is no room
	scene.window:remove(entry);
	scene.is_silent = true;
	scene.submissions:inject(scene.alice, message "3", "client", "r3");
	scene.is_silent, scene.alice.host = false, "unheld.example";
	scene.submissions:inject(scene.alice, message "4", "client", "r4");
	t.equal({ #scene.sent, scene.bounced, scene.turned_away }, { 1, {}, 0 });
end);

t.test("what the server made is recorded and not held", function ()
	local scene = new_scene(1);
	scene.is_silent = true;
	scene.submissions:note(scene.alice, message "1", "a.example", false);
	scene.submissions:note(scene.alice, message "2", "a.example", true);
	scene.submissions:note(scene.alice, message "3", "a.example", false);
	local stopped = {};
	for i, xml in ipairs(scene.sent) do
		assert(xml:find(" way='server'", 1, true));
		stopped[i] = xml:find(" stopped='true'", 1, true) ~= nil;
	end
	t.equal(stopped, { false, true, false });
	local entry = scene.window.entries[1];
	t.equal({ entry.patient, entry.stanza, entry.held_at, entry.as }, { true });
end);

t.test("what the server made and nobody can write is an error in the log", function ()
	local scene = new_scene();
	scene.submissions:note(scene.alice, st.message({ from = "alice@a.example" }, "secret"):tag("x", UNWRITABLE), "a.example");
	t.equal({ scene.sent, #t.logged, t.logged[1]:match "^%a+" }, { {}, 1, "error" });
	assert(not t.logged[1]:find "secret");
end);

t.test("an event of a session waits without a time limit", function ()
	local scene = new_scene();
	scene.submissions:note_event(scene.alice, "bind", { jid = "alice@a.example/x" });
	assert(scene.sent[1]:find(" way='session'", 1, true) and scene.sent[1]:find("<bind jid='alice@a.example/x'/>", 1, true));
	t.equal({ scene.window.entries[1].patient, scene.window.entries[1].held_at }, { true });
end);

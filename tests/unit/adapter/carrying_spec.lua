-- Carrying out: each sender's stanzas in order, in a coroutine of its own, whatever waits or fails in it.

local t = ...;
local st = require "util.stanza";

-- What the server does with a stanza is `scene.handle`; `done` has what was handed to it and what became of it.
local function new_scene()
	local scene = { done = {}, handle = function () end };
	local function hand(name)
		return function (origin, stanza, is_client)
			scene.done[#scene.done + 1] = { name, origin.name, stanza.attr.id, is_client };
			scene.handle(origin, stanza);
		end;
	end
	t.prosody.hosts["a.example"] = {};
	t.prosody.core_post_stanza, t.prosody.core_route_stanza = hand "post", hand "route";
	local function note(name)
		return function (_, entry) scene.done[#scene.done + 1] = { name, entry.seq }; end;
	end
	scene.carrying = t.load "carrying".new {
		shares = t.load "shares".new { link = { is_silent = function () return false; end }, max_made = 2 },
		window = { settle = note "settle" }, status = { add_bounced = note "add_bounced" },
		answers = {
			bounce = function (_, origin, stanza, reason)
				scene.done[#scene.done + 1] = { "bounce", origin.name, stanza.attr.id, reason };
			end,
		},
	};
	scene.ready = 0;
	function scene:new_sender(name)
		local sender = { origin = { name = name, host = "a.example", heard = {} } };
		function sender.origin.send(reply) sender.origin.heard[#sender.origin.heard + 1] = reply.attr.id; end
		sender.runner = self.carrying:new_runner(sender, function () self.ready = self.ready + 1; end);
		return sender;
	end
	return scene;
end

local function entry_of(sender, seq, fields)
	local entry = fields or {};
	entry.seq, entry.sender = seq, sender;
	entry.stanza = entry.stanza or st.message { id = "m" .. seq, type = "chat" };
	return entry;
end

t.test("it goes the way that its entry says and is settled behind it", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	for seq, as in ipairs { "client", "routed", "other" } do
		alice.runner:run(entry_of(alice, seq, { as = as }));
	end
	t.equal(scene.done, {
		{ "post", "alice", "m1", true }, { "settle", 1 }, { "route", "alice", "m2" }, { "settle", 2 },
		{ "post", "alice", "m3", false }, { "settle", 3 },
	});
end);

t.test("the stanza that is handed back is known once", function ()
	local scene = new_scene();
	local alice, seen = scene:new_sender "alice", {};
	scene.handle = function (_, stanza)
		seen = {
			scene.carrying:take_released(st.message()), scene.carrying:take_released(stanza),
			scene.carrying:take_released(stanza), scene.carrying:is_under_way() ~= nil,
		};
	end;
	local settled_under_way;
	scene.carrying.window.settle = function () settled_under_way = scene.carrying:is_under_way(); end;
	alice.runner:run(entry_of(alice, 1));
	t.equal(seen, { false, true, false, true });
	t.equal({ not settled_under_way, not scene.carrying:is_under_way() }, { true, true });
end);

t.test("who waits keeps their own stanzas waiting and nobody else's", function ()
	local scene = new_scene();
	local alice, bob = scene:new_sender "alice", scene:new_sender "bob";
	local wait, go_on = require "util.async".waiter, nil;
	scene.handle = function (origin)
		if origin.name ~= "alice" or go_on then return; end
		local pause;
		pause, go_on = wait();
		pause();
	end;
	alice.runner:run(entry_of(alice, 1));
	alice.runner:run(entry_of(alice, 2));
	bob.runner:run(entry_of(bob, 3));
	t.equal(scene.done, { { "post", "alice", "m1", false }, { "post", "bob", "m3", false }, { "settle", 3 } });
	go_on();
	t.equal({ scene.done[4], scene.done[5], scene.done[6] }, { { "settle", 1 }, { "post", "alice", "m2", false }, { "settle", 2 } });
end);

t.test("what takes the server long counts in its sender's share, also if it fails", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	alice.share = { owed_until_s = 0, made = 0, waiting = {} };
	scene.handle = function (_, stanza)
		t.now_s = t.now_s + 8;
		if stanza.attr.id == "m2" then error "broken"; end
	end;
	alice.runner:run(entry_of(alice, 1));
	t.equal({ #scene.done, alice.share.owed_until_s - t.now_s }, { 2, 4 });
	t.now_s = alice.share.owed_until_s;
	alice.runner:run(entry_of(alice, 2));
	alice.runner:run(entry_of(alice, 3));
	t.equal({ alice.runner.state, alice.share.owed_until_s - t.now_s, #t.tasks }, { "waiting", 4, 1 });
end);

t.test("what fails is given back and the next goes on", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	scene.handle = function (_, stanza) if stanza.attr.id == "m1" then error "broken"; end end;
	alice.runner:run(entry_of(alice, 1));
	t.equal(scene.carrying.released, nil);
	alice.runner:run(entry_of(alice, 2));
	t.equal(scene.done, {
		{ "post", "alice", "m1", false }, { "add_bounced", 1 }, { "settle", 1 }, { "bounce", "alice", "m1", "failed" },
		{ "post", "alice", "m2", false }, { "settle", 2 },
	});
	t.equal(#t.logged, 1);
	assert(t.logged[1]:match "^error: Carrying out stanza 1 failed: .*broken", t.logged[1]);
end);

t.test("an error for what the gate wanted said is the gate's alone", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	local send = alice.origin.send;
	scene.handle = function (origin, stanza)
		origin.send(st.message { id = "other" });
		origin.send(st.error_reply(stanza, "cancel", "not-acceptable"));
	end;
	alice.runner:run(entry_of(alice, 1, { injected = true }));
	t.equal(scene.done, { { "post", "alice", "m1", false }, { "add_bounced", 1 }, { "settle", 1 } });
	t.equal({ alice.origin.heard, alice.origin.send == send }, { { "other" }, true });
	scene.done = {};
	alice.runner:run(entry_of(alice, 2)); -- her own: she hears the error herself
	t.equal({ scene.done[2], alice.origin.heard }, { { "settle", 2 }, { "other", "other", "m2" } });
end);

t.test("other errors meanwhile and all errors afterwards are the client's", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	local wanted = entry_of(alice, 1, { injected = true });
	scene.handle = function (origin, stanza)
		local send = origin.send;
		function origin.send(reply) return send(reply); end -- another module's, which stays
		origin.send(st.error_reply(st.message { id = "m7" }, "cancel", "gone"));
		t.equal(stanza.attr.id, "m1");
	end;
	alice.runner:run(wanted);
	t.equal({ scene.done[2], alice.origin.heard }, { { "settle", 1 }, { "m7" } });
	alice.origin.send(st.error_reply(wanted.stanza, "cancel", "gone"));
	t.equal({ alice.origin.heard, wanted.refused }, { { "m7", "m1" } });
end);

t.test("what a host takes that is gone is given back", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	t.prosody.hosts["a.example"] = nil;
	alice.runner:run(entry_of(alice, 1, { as = "client" }));
	t.equal(scene.done, { { "add_bounced", 1 }, { "settle", 1 }, { "bounce", "alice", "m1", "failed" } });
end);

t.test("what a border stops is given back as that", function ()
	local scene = new_scene();
	local alice = scene:new_sender "alice";
	scene.handle = function (_, stanza) scene.carrying:note_stopped(stanza); end;
	alice.runner:run(entry_of(alice, 1));
	t.equal({ scene.done[2], scene.done[3], scene.done[4] }, {
		{ "add_bounced", 1 }, { "settle", 1 }, { "bounce", "alice", "m1", "border" },
	});
end);

-- What becomes of a message to an address, if the server tells it to a client, or to nobody.
local function became_of(type, to, is_told)
	local scene = new_scene();
	t.prosody.hosts["a.example"].type, t.prosody.hosts["rooms.example"] = "local", { type = "component" };
	local alice = scene:new_sender "alice";
	local message = st.message { id = "m1", type = type, to = to, from = "alice@a.example/desk" };
	scene.handle = function (_, stanza)
		if is_told then scene.carrying:note_said(stanza, {}, true); end
	end;
	local entry = entry_of(alice, 1, { as = "client", stanza = message });
	alice.runner:run(entry);
	return { entry.refused == true, scene.done[2][1] };
end

t.test("a headline that no client takes has not arrived", function ()
	for _, to in ipairs { "bob@a.example", "bob@a.example/desk", false } do
		t.equal(became_of("headline", to or nil, false), { true, "add_bounced" });
		t.equal(became_of("headline", to or nil, true), { false, "settle" });
	end
end);

t.test("what the server keeps for later, or others take, has arrived", function ()
	t.equal(became_of("chat", "bob@a.example", false), { false, "settle" });
	t.equal(became_of("headline", "deals@rooms.example", false), { false, "settle" });
	t.equal(became_of("headline", "bob@zurich.example", false), { false, "settle" });
	t.equal(became_of("headline", "a.example", false), { false, "settle" });
end);

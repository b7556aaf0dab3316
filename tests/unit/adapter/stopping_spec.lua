-- Stopping: nobody is read from any more, what is held is waited for, and the rest is bounced.

local t = ...;
local async = require "util.async";
t.prosody.incoming_s2s = {};
local stopping = t.load "stopping";

local function new_scene(open_count, is_drained)
	local scene = { calls = {} };
	local function note(name) return function () scene.calls[#scene.calls + 1] = name; end; end
	scene.is_drained = is_drained;
	scene.window = { open_count = open_count, is_drained = function () return scene.is_drained; end };
	scene.link = { stop = note "stop", flush = note "flush", session = {} };
	scene.stopping = stopping.new {
		window = scene.window, link = scene.link, timeout_s = 5, turns = { complete = note "complete" },
		status = { is_due = function () return true; end, send = note "status" },
		senders = { stop_resuming = note "stop_resuming" }, clock = { bounce_all = note "bounce_all" },
		unheard_errors = { note_silent = note "note_silent", take_back_all = note "take_back_all" },
	};
	return scene;
end

local LAST = { "note_silent", "stop_resuming", "bounce_all", "take_back_all", "stop", "complete", "status", "flush" };

t.test("with nothing held the last word is said at once", function ()
	local scene = new_scene(0, true);
	scene.stopping:drain();
	t.equal({ scene.calls, #t.tasks }, { LAST, 0 });
end);

t.test("where the server cannot wait it does not", function ()
	local scene = new_scene(2, false);
	scene.stopping:drain();
	t.equal({ scene.calls, t.logged }, { LAST, { "info: Stopping: 2 stanzas are held" } });
end);

t.test("what is held is waited for", function ()
	local scene = new_scene(1, false);
	async.runner(function () scene.stopping:drain(); end):run(true);
	t.equal(scene.calls, { "note_silent", "stop_resuming" });
	t.equal(t.tasks[1][2](), t.tasks[1][1]);
	scene.is_drained = true;
	t.equal(t.tasks[1][2](), nil);
	t.equal(scene.calls, LAST);
end);

t.test("it waits for the time limit and a second", function ()
	local scene = new_scene(1, false);
	async.runner(function () scene.stopping:drain(); end):run(true);
	t.now_s = t.now_s + 5.9;
	t.equal(t.tasks[1][2]() ~= nil, true);
	t.now_s = t.now_s + 0.2;
	t.tasks[1][2]();
	t.equal(scene.calls, LAST);
end);

t.test("clients and other servers are read from no more", function ()
	local client, incoming, outgoing = t.spy { "pausefor" }, t.spy { "pausefor" }, t.spy { "pausefor" };
	local paused = 0;
	for _, conn in ipairs { client, incoming, outgoing } do function conn.pause() paused = paused + 1; end end
	t.prosody.full_sessions["a@x/r"], t.prosody.full_sessions["a@x/gone"] = { conn = client }, {};
	t.prosody.incoming_s2s[{ conn = incoming }] = true;
	t.prosody.hosts["x"] = { s2sout = { y = { conn = outgoing } } };
	new_scene(0, true).stopping:drain();
	t.equal(paused, 3);
end);

t.test("farewells are waited for a second and only with a gate", function ()
	local scene = new_scene(1, true);
	async.runner(function () scene.stopping:drain_farewells(); end):run(true);
	t.equal(scene.calls, {});
	t.now_s = t.now_s + 1.1;
	t.tasks[1][2]();
	t.equal(scene.calls, { "complete", "status", "flush" });
	scene = new_scene(1, true);
	scene.link.session = nil;
	async.runner(function () scene.stopping:drain_farewells(); end):run(true);
	t.equal(scene.calls, { "complete", "status", "flush" });
end);

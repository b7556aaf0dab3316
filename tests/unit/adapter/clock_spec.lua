-- Time limits: what waits too long is bounced, and a gate that is stuck is cut off.

local t = ...;
local st = require "util.stanza";
local window, clock, returned = t.load "window", t.load "clock", t.load "returned";

local TIMEOUT_S = 4;

-- A window whose entries have been held since the times that `enter` says; `done` has what was done.
local function new_scene()
	local done = {};
	local function note(name)
		return function (_, ...) done[#done + 1] = { name, ... }; end;
	end
	local scene = { done = done, window = window.new(100, 100000), is_stuck = false, is_due = false };
	scene.sender = { held = 0, held_bytes = 0, unanswered = 0, origin = "alice", close_if_answered = note "close_if_answered" };
	scene.clock = clock.new {
		window = scene.window, timeout_s = TIMEOUT_S, turns = { complete = function () end },
		link = {
			stuck_after_s = 9, fall_silent = note "fall_silent", close = note "close",
			is_stuck = function () return scene.is_stuck; end,
		},
		status = {
			add_bounced = function (_, entry) done[#done + 1] = { "add_bounced", entry.seq }; end,
			is_due = function () return scene.is_due; end, send = note "send",
		},
		answers = {
			bounce = function (_, origin, stanza, reason) done[#done + 1] = { "bounce", origin, stanza.attr.id, reason }; end,
		},
		unheard_errors = {
			note = function (_, ledger, place) if ledger then done[#done + 1] = { "note", ledger, place }; end end,
		},
		returned = returned.new { window = scene.window },
		quarantine = { go_on = function () end, is_careful = function () return scene.is_careful; end },
		senders = { resume_paused = note "resume_paused" },
		acknowledgements = { answer_overdue = note "answer_overdue" },
	};
	function scene:enter(id, fields)
		local entry = fields or {};
		entry.sender, entry.stanza, entry.held_at = self.sender, st.message { id = id }, t.now_s;
		self.window:enter(entry, "<message/>");
		return entry;
	end
	-- Let the timer call once, and return what it says; `done` has only what was done then.
	function scene.tick()
		for i = #done, 1, -1 do done[i] = nil; end
		return t.tasks[1][2]();
	end
	scene.clock:start();
	return scene;
end

t.test("it looks at once and then often enough for the limit", function ()
	local scene = new_scene();
	t.equal({ #t.tasks, t.tasks[1][1], scene.tick() }, { 1, 0.1, 0.25 });
	t.tasks = {};
	scene.clock.timeout_s = 1;
	scene.clock:start();
	t.equal(scene.tick(), 0.125);
end);

t.test("what waits as long as the limit is bounced and nothing else", function ()
	local scene = new_scene();
	local ledger = { mark = function () end };
	scene:enter("m1", { ledger = ledger, place = 7 });
	t.now_s = t.now_s + 1;
	scene:enter "m2";
	t.now_s = t.now_s + TIMEOUT_S - 1.5;
	scene.tick();
	t.equal({ scene.done, scene.window.count }, { { { "answer_overdue" } }, 2 });
	t.now_s = t.now_s + 0.5;
	scene.tick();
	t.equal(scene.done, {
		{ "fall_silent", t.now_s - TIMEOUT_S }, { "add_bounced", 1 }, { "bounce", "alice", "m1", "interrupted" },
		{ "note", ledger, 7 }, { "close_if_answered" }, { "resume_paused" }, { "answer_overdue" },
	});
	t.equal({ scene.window.count, scene.window.first_seq, scene.window.done_through }, { 1, 2, 1 });
	t.equal(t.logged, { "error: No verdict within 4 s: 1 stanzas were bounced" });
end);

t.test("a farewell waits without a limit and what is injected has nobody to tell", function ()
	local scene = new_scene();
	scene:enter("m1", { patient = true });
	scene:enter("m2", { injected = true });
	t.now_s = t.now_s + 100;
	scene.tick();
	t.equal({ scene.window.count, scene.window.first_seq, scene.window.settled[2] }, { 1, 1, true });
	for _, call in ipairs(scene.done) do assert(call[1] ~= "bounce"); end
end);

t.test("an error of another site outlives the limit but not an hour, as far as there is room", function ()
	local scene, dropped = new_scene(), "error: An error from zoe@b.example is dropped, as the gate is away";
	for id = 1, 26 do scene:enter("m" .. id, { is_returned = true }).stanza.attr.from = "zoe@b.example"; end
	t.now_s = t.now_s + TIMEOUT_S;
	scene.tick();
	t.equal({ scene.window.count, scene.window.patient_count, scene.done[1][1] }, { 25, 25, "fall_silent" });
	t.equal({ t.logged[26], t.logged[27] }, { dropped, "error: No verdict within 4 s: 1 stanzas were bounced" });
	t.now_s = t.now_s + 3600;
	scene.tick();
	t.equal({ scene.window.count, scene.window.patient_count, #t.logged, t.logged[52] }, { 0, 0, 52, dropped });
	t.equal(scene.done[1], { "add_bounced", 1 }); -- an old one does not make the gate silent
end);

t.test("a gate that is stuck is cut off instead of being told more", function ()
	local scene = new_scene();
	scene.is_stuck, scene.is_due = true, true;
	scene.tick();
	t.equal(scene.done, { { "answer_overdue" }, { "close", "No verdict in time" } });
	scene.is_stuck = false;
	scene.tick();
	t.equal(scene.done, { { "answer_overdue" }, { "send" } });
	scene.is_due = false;
	scene.tick();
	t.equal(scene.done, { { "answer_overdue" } });
end);

t.test("a failure leaves the limits in force", function ()
	local scene = new_scene();
	scene.clock.acknowledgements.answer_overdue = function () error "broken"; end;
	scene:enter "m1";
	t.now_s = t.now_s + TIMEOUT_S;
	t.equal({ scene.tick(), scene.window.count, #t.logged }, { 0.25, 0, 2 });
	assert(t.logged[2]:match "^error: Watching the window failed: .*broken", t.logged[2]);
	scene:enter "m2";
	t.now_s = t.now_s + TIMEOUT_S;
	t.equal({ scene.tick(), scene.window.count }, { 0.25, 0 });
end);

t.test("a server that stops gives up all that has a limit", function ()
	local scene = new_scene();
	scene:enter "m1";
	scene:enter("m2", { patient = true });
	scene:enter("m3", { is_returned = true }); -- nobody would hear of it any more
	scene.clock:bounce_all();
	t.equal({ scene.window.count, scene.window:is_drained(), #t.logged }, { 1, true, 2 });
	scene.clock:bounce_all();
	t.equal(#t.logged, 2);
end);

-- Quarantine: after a break little goes out at a time, and what was there alone at the second break goes out no more as it is.

local t = ...;
local st = require "util.stanza";
local wire, window, quarantine = t.load "wire", t.load "window", t.load "quarantine";

-- A window and a link; `sent` has the numbers that were submitted, negative in quarantine.
local function new_scene()
	local scene = { sent = {}, bounced = {}, told = {}, window = window.new(100, 1000000) };
	scene.sender = { held = 0, held_bytes = 0, unanswered = 0, origin = "alice", close_if_answered = function () end };
	scene.link = { session = true };
	function scene.link.submit(_, xml)
		local seq = math.tointeger(tonumber(xml:match "seq='(%d+)'"));
		scene.sent[#scene.sent + 1] = xml:find("<quarantined ", 1, true) and -seq or seq;
	end
	local status, answers = {}, {};
	function status.add_bounced(_, entry) scene.bounced[#scene.bounced + 1] = { entry.seq, entry.unrecorded }; end
	function answers.bounce(_, origin, stanza, reason) scene.told[#scene.told + 1] = { origin, stanza.attr.id, reason }; end
	scene.quarantine = quarantine.new {
		wire = wire, window = scene.window, link = scene.link, status = status, answers = answers,
	};
	function scene:enter(count, fields)
		local entry;
		for _ = 1, count do
			entry = { sender = self.sender, held_at = t.now_s };
			for key, value in pairs(fields or { stanza = st.message { id = "m", from = "a@x", to = "b@x" }:body "secret" }) do
				entry[key] = value;
			end
			local head = wire.encode_head("x", "gate", { epoch = "e", way = "c2s", session = "c1" });
			self.window:enter(entry, (wire.encode_stanza(head, self.window.next_seq, entry.stanza or st.presence())));
			self.quarantine:submit(entry);
		end
		return entry;
	end
	-- The gate answers up to this number.
	function scene:answer(through)
		for seq = self.window.first_seq, through do
			local entry = self.window.entries[seq];
			if entry then self.window:remove(entry); self.window:settle(entry); end
		end
		self.quarantine:note_verdict();
		return self:take();
	end
	function scene:take()
		local sent = self.sent;
		self.sent = {};
		return sent;
	end
	-- The stream ends, and another begins.
	function scene:break_off()
		self.quarantine:note_break();
		self:take();
		self.quarantine:begin();
		return self:take();
	end
	scene.quarantine:begin();
	return scene;
end

t.test("while nothing breaks all is submitted at once", function ()
	local scene = new_scene();
	scene:enter(3);
	t.equal({ scene:take(), scene.quarantine:is_careful() }, { { 1, 2, 3 }, nil });
end);

t.test("what came while nobody was there is no suspect", function ()
	local scene = new_scene();
	scene.quarantine:note_break();
	scene.link.session = nil;
	scene:enter(3);
	scene:take();
	scene.link.session = true;
	scene.quarantine:begin();
	t.equal(scene:take(), { 1, 2, 3 });
end);

t.test("after a break as much again goes out as was answered and then all", function ()
	local scene = new_scene();
	scene:enter(8);
	t.equal(scene:break_off(), { 1 });
	scene:enter(2);
	t.equal(scene:answer(1), { 2, 3 });
	t.equal(scene:answer(2), {});
	t.equal(scene:answer(3), { 4, 5, 6, 7 });
	assert(scene.quarantine:is_careful());
	t.equal(scene:answer(7), { 8, 9, 10 });
	t.equal(scene:answer(10), {});
	t.equal(scene.quarantine:is_careful(), nil);
	scene:enter(1);
	t.equal(scene:take(), { 11 });
end);

t.test("what is over without an answer lets the rest go on", function ()
	local scene = new_scene();
	scene:enter(3);
	scene:break_off();
	scene.window:remove(scene.window.entries[1]);
	scene.quarantine:go_on();
	t.equal(scene:take(), { 2, 3 });
end);

t.test("what is alone at the second break is quarantined and its sender learns it from the gate", function ()
	local scene = new_scene();
	scene:enter(3);
	scene:break_off();
	t.equal(scene:break_off(), { -1 });
	local bytes = 0;
	for entry in scene.window:each() do bytes = bytes + #entry.xml; end
	t.equal({ scene.window.bytes, scene.told, #t.logged }, { bytes, {}, 1 });
	assert(not t.logged[1]:find "secret" and not scene.window.entries[1].xml:find "secret");
	t.equal(scene:answer(1), { 2, 3 });
end);

t.test("one among several is found and the innocent are not", function ()
	local scene = new_scene();
	scene:enter(12);
	scene:break_off();
	scene:answer(1);
	scene:answer(3);
	t.equal(scene:break_off(), { 4 });
	t.equal({ scene:answer(4), scene:answer(5) }, { { 5 }, { 6 } });
	t.equal(scene:break_off(), { -6 });
	t.equal(scene:answer(6), { 7 });
	t.equal(scene:answer(7), { 8, 9, 10, 11 });
	t.equal(scene.told, {});
end);

t.test("however much was there at two breaks it all goes out in the end", function ()
	local scene = new_scene();
	scene:enter(80);
	scene:break_off();
	for seq = 1, 3 do scene:answer(seq); end
	scene.window.entries[4].breaks = 2;
	for seq = 5, 80 do scene.window.entries[seq].breaks = 2; end
	scene.quarantine:note_break();
	scene:take();
	scene.quarantine:begin();
	local seq = 4;
	while seq <= 80 do
		t.equal(scene:take(), { seq });
		scene.window:remove(scene.window.entries[seq]);
		scene.quarantine:note_verdict();
		seq = seq + 1;
	end
	t.equal({ scene.window.count, scene.quarantine:is_careful() }, { 0, nil });
end);

t.test("after an answer on the same stream a second break is not enough", function ()
	local scene = new_scene();
	scene:enter(2);
	scene:break_off();
	scene:answer(1);
	t.equal(scene:break_off(), { 2 });
	t.equal(scene:break_off(), { -2 });
end);

t.test("what breaks it in quarantine as well goes back", function ()
	local scene = new_scene();
	scene:enter(1);
	scene:break_off();
	scene:break_off();
	t.equal(scene:break_off(), {});
	t.equal({ scene.bounced, scene.told, scene.window.count }, { { { 1, true } }, { { "alice", "m", "unwritable" } }, 0 });
end);

t.test("what has no stanza can be quarantined and goes back to nobody", function ()
	local scene = new_scene();
	scene:enter(1, { patient = true });
	scene:break_off();
	t.equal(scene:break_off(), { -1 });
	scene:break_off();
	t.equal({ scene.bounced, scene.told }, { { { 1, true } }, {} });
end);

t.test("what the gate names twice is quarantined and nothing else is suspect", function ()
	local scene = new_scene();
	scene:enter(4);
	scene.quarantine:note_unread(3);
	t.equal(scene:break_off(), { 1, 2, 3, 4 });
	scene.quarantine:note_unread(3);
	t.equal(scene:break_off(), { 1, 2, -3, 4 });
end);

t.test("what the server ends the stream for is not laid to what was submitted", function ()
	local scene = new_scene();
	scene:enter(3);
	for _ = 1, 5 do
		scene.link.closed_for = "not-well-formed";
		t.equal(scene:break_off(), { 1, 2, 3 });
	end
end);

-- Errors that a client may not have got: what they are about does not count when its session ends cut off.

local t = ...;
local unheard_errors = t.load "unheard_errors";

-- A session that was told `told` stanzas and said that it had `confirmed` of them; `handled` of its own are handled.
local function new_scene(handled)
	local scene = { told = 0, confirmed = 0, unheard = unheard_errors.new() };
	scene.session = {
		handled_stanza_count = handled + 100, hibernating = true, -- it counts on from an earlier connection
		outgoing_stanza_queue = {
			count_acked = function () return scene.confirmed; end,
			count_unacked = function () return scene.told - scene.confirmed; end,
		},
	};
	scene.ledger = { session = scene.session, handled = handled };
	scene.session.stanza_gate_ledger = scene.ledger;
	-- What stood at these places comes back, each with an error.
	function scene:give_back(...)
		for _, place in ipairs { ... } do
			self.told = self.told + 1;
			self.unheard:note(self.ledger, place);
		end
	end
	function scene:end_session()
		self.unheard:take_back(self.session);
		return self.session.handled_stanza_count - 100;
	end
	return scene;
end

t.test("what came back last is taken back", function ()
	local scene = new_scene(5);
	scene:give_back(4, 5);
	t.equal(scene:end_session(), 3);
end);

t.test("what its client says that it has counts, and so does all before it", function ()
	local scene = new_scene(5);
	scene:give_back(3, 4, 5);
	scene.confirmed = 2;
	t.equal(scene:end_session(), 4);
	scene = new_scene(2);
	scene:give_back(1, 2);
	scene.confirmed = 2;
	t.equal(scene:end_session(), 2);
end);

t.test("what was carried out is said again by nobody", function ()
	local scene = new_scene(5);
	scene:give_back(1, 2, 3, 5); -- the fourth went out
	t.equal(scene:end_session(), 4);
	scene = new_scene(3);
	scene:give_back(1, 2);
	t.equal(scene:end_session(), 3);
end);

t.test("what came back before something that is not handled yet counts from there", function ()
	local scene = new_scene(3);
	scene:give_back(3, 5); -- the fourth is held
	t.equal(scene:end_session(), 2);
end);

t.test("a session that does not count is none of it", function ()
	local scene = new_scene(1);
	scene.unheard:note(nil, nil);
	scene.unheard:note(scene.ledger, nil);
	scene.session.outgoing_stanza_queue = nil;
	scene:give_back(1);
	t.equal(scene:end_session(), 1);
	scene.unheard:take_back {};
	scene.unheard:resume {};
	scene.unheard:resume(scene.session);
end);

t.test("what stood beyond a resumption says nothing of what stands there then", function ()
	local scene = new_scene(2);
	scene:give_back(2, 4); -- the third is held
	scene.unheard:resume(scene.session);
	scene.ledger.handled, scene.session.handled_stanza_count = 4, 104; -- both went out
	t.equal(scene:end_session(), 4);
	scene = new_scene(2);
	scene:give_back(2);
	scene.unheard:resume(scene.session);
	t.equal(scene:end_session(), 1);
end);

t.test("no more is kept than a server keeps", function ()
	local scene = new_scene(3000);
	for place = 1, 3000 do scene:give_back(place); end
	t.equal(scene:end_session(), 3000 - 1024);
end);

t.test("no more is kept either where most went out", function ()
	local scene = new_scene(30000);
	for place = 3, 30000, 3 do scene:give_back(place); end
	local count = 0;
	for _ in pairs(scene.unheard.by_ledger[scene.ledger].at) do count = count + 1; end
	t.equal(count <= 1024, true);
	t.equal(scene:end_session(), 29999);
end);

t.test("nothing is kept of what a client has confirmed", function ()
	local scene = new_scene(1000);
	for place = 1, 998 do
		scene:give_back(place);
		scene.confirmed = place;
	end
	scene:give_back(999);
	scene:give_back(1000);
	local kept = {};
	for _, each in pairs(scene.unheard.by_ledger[scene.ledger].at) do kept[#kept + 1] = each.place; end
	table.sort(kept);
	t.equal(kept, { 999, 1000 });
	t.equal(scene:end_session(), 998);
end);

t.test("what is taken back is taken back once", function ()
	local scene = new_scene(5);
	scene:give_back(4, 5);
	t.equal(scene:end_session(), 3);
	t.equal(scene:end_session(), 3);
end);

t.test("a session that is not resumed in time ends so", function ()
	local scene = new_scene(2);
	local told = nil;
	scene.session.hibernating_watchdog = {
		callback = function (this) told = { this == scene.session.hibernating_watchdog, scene.session.handled_stanza_count }; end,
	};
	scene.unheard:watch(scene.session);
	scene:give_back(2); -- while it is cut off
	scene.session.hibernating_watchdog:callback();
	t.equal(told, { true, 101 });
	scene.unheard:watch {}; -- as of a version that has none
end);

-- Two sessions of one server, the second of which is connected.
local function new_pair()
	local cut_off, connected = new_scene(2), new_scene(2);
	connected.unheard = cut_off.unheard;
	connected.session.hibernating = nil;
	t.prosody.full_sessions["a@x/r"], t.prosody.full_sessions["b@x/r"] = cut_off.session, connected.session;
	return cut_off, connected;
end

t.test("a server that stops ends the sessions that are cut off so and no others", function ()
	local cut_off, connected = new_pair();
	for _, scene in ipairs { cut_off, connected } do scene:give_back(2); end
	cut_off.unheard:note_silent();
	cut_off.unheard:take_back_all();
	t.equal({ cut_off.session.handled_stanza_count, connected.session.handled_stanza_count }, { 101, 102 });
end);

t.test("a client that has not confirmed an error for a second reads no more", function ()
	local cut_off, connected = new_pair();
	connected:give_back(1);
	t.now_s = t.now_s + 1.1;
	connected:give_back(2);
	cut_off.unheard:note_silent();
	cut_off.unheard:take_back_all();
	t.equal(connected.session.handled_stanza_count, 100);
	local _, reading = new_pair();
	reading:give_back(2);
	t.now_s = t.now_s + 1.1;
	reading.confirmed = 1;
	reading.unheard:note_silent();
	reading.unheard:take_back_all();
	t.equal(reading.session.handled_stanza_count, 102);
end);

t.test("what comes while the server stops is not what its client could have confirmed", function ()
	local _, connected = new_pair();
	connected:give_back(2);
	connected.unheard:note_silent();
	t.now_s = t.now_s + 5;
	connected.unheard:take_back_all();
	t.equal(connected.session.handled_stanza_count, 102);
end);

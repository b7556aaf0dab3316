-- Errors of other sites that wait for a gate that is away, within bounds.

local t = ...;
local st = require "util.stanza";
local window, returned = t.load "window", t.load "returned";

-- A window that is high at two stanzas, or 25 bytes.
local function new_scene()
	local scene = { window = window.new(8, 100), handled = {} };
	scene.returned = returned.new { window = scene.window };
	local sender = { held = 0, held_bytes = 0, unanswered = 0 };
	local ledger = { mark = function (_, place) scene.handled[#scene.handled + 1] = place; end };
	-- Have an error of so many bytes wait, if there is room.
	function scene:keep(id, bytes)
		local entry = { sender = sender, stanza = st.message { id = id }, held_at = t.now_s, ledger = ledger, place = id };
		if not self.returned:has_room() then return nil; end
		self.window:enter(entry, ("x"):rep(bytes or 1));
		self.returned:keep(entry);
		return entry;
	end
	-- The gate has given its verdict.
	function scene:answer(entry)
		self.window:remove(entry);
		self.window:settle(entry);
	end
	return scene;
end

t.test("only errors of other sites are of those that wait", function ()
	local one = new_scene().returned;
	local failed, said = st.message { type = "error" }, st.message { type = "chat" };
	t.equal({ one:is_one(failed, "s2s"), one:is_one(said, "s2s"), one:is_one(failed, "c2s") }, { true, false, false });
	local refused, answered = st.iq { type = "error", id = "1" }, st.iq { type = "result", id = "1" };
	t.equal({ one:is_one(refused, "s2s"), one:is_one(answered, "s2s") }, { true, false });
end);

t.test("what waits has no time limit of others and counts as handled once", function ()
	local scene = new_scene();
	local entry = scene:keep "1";
	t.equal({ scene.window:next_overdue(math.huge), scene.window:is_drained() }, { nil, true });
	t.equal({ scene.handled, entry.sender.unanswered, #t.logged }, { { "1" }, 0, 1 });
	scene:answer(entry);
	t.equal({ scene.handled, scene.window.patient_count, scene.window.done_through }, { { "1" }, 0, 1 });
end);

t.test("what comes without being counted waits as well", function ()
	local scene = new_scene();
	local entry = { sender = { held = 0, held_bytes = 0, unanswered = 0 }, stanza = st.message {}, held_at = t.now_s };
	scene.window:enter(entry, "x");
	scene.returned:keep(entry);
	t.equal({ entry.patient, scene.handled }, { true, {} });
end);

t.test("there are bounds in number and in bytes and an answer makes room", function ()
	local scene = new_scene();
	local first = scene:keep "1";
	assert(scene:keep "2");
	t.equal(scene:keep "3", nil);
	scene:answer(first);
	assert(scene:keep("4", 30)); -- the last may be as large as a stanza is
	t.equal({ scene:keep "5", scene.window.count }, { nil, 2 });
	for _, entry in pairs(scene.window.entries) do scene:answer(entry); end
	local large = scene:keep("6", 30);
	t.equal(scene:keep "7", nil);
	scene:answer(large);
	t.equal({ scene.returned:has_room(), scene.returned.bytes }, { true, 0 });
end);

t.test("after an hour each is named once, and none that has its verdict", function ()
	local scene = new_scene();
	local first = scene:keep "1";
	t.now_s = t.now_s + 10;
	local second = scene:keep "2";
	t.now_s = t.now_s + 3589;
	t.equal(scene.returned:next_overdue(), nil);
	t.now_s = t.now_s + 1;
	assert(scene.returned:next_overdue() == first);
	t.equal(scene.returned:next_overdue(), nil); -- the second has come later
	t.now_s = t.now_s + 10;
	scene:answer(second);
	t.equal(scene.returned:next_overdue(), nil);
end);

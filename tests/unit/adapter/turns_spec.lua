-- Turns: what was said is written before anything counts as done.

local t = ...;
local st = require "util.stanza";
local turns = t.load "turns";

-- Turns beside a window that notes, in `done`, when it is told that the turn is over.
local function new_scene()
	local done = {};
	local scene = { done = done };
	scene.turns = turns.new { window = { note_turn = function () done[#done + 1] = "turn"; end } };
	function scene.connect(name, fields)
		fields._writable = fields._writable == nil or fields._writable;
		function fields.onwritable() done[#done + 1] = name; end
		return { conn = fields };
	end
	return scene;
end

t.test("what was said in a turn is written before the turn counts", function ()
	local scene = new_scene();
	local stanza, session = st.message {}, scene.connect("alice", { writebuffer = "<message/>" });
	t.equal(scene.turns.note(stanza, session), stanza);
	scene.turns.note(stanza, session);
	scene.turns:complete();
	t.equal(scene.done, { "alice", "turn" });
	scene.turns:complete();
	t.equal(scene.done, { "alice", "turn", "turn" });
end);

t.test("nothing is written to who has all that was said or takes nothing now", function ()
	local scene = new_scene();
	for name, fields in pairs {
		nothing = {}, empty = { writebuffer = "" }, drained = { writebuffer = {} },
		slow = { writebuffer = "<message/>", _writable = false },
		locked = { writebuffer = "<message/>", _write_lock = true },
	} do
		scene.turns.note(st.message {}, scene.connect(name, fields));
	end
	scene.turns.note(st.message {}, {}); -- its connection broke
	scene.turns:complete();
	t.equal(scene.done, { "turn" });
	scene.turns.note(st.message {}, scene.connect("pieces", { writebuffer = { "<message/>" } }));
	scene.turns:complete();
	t.equal(scene.done, { "turn", "pieces", "turn" });
end);

t.test("who is spoken to while a turn is completed belongs to the next", function ()
	local scene = new_scene();
	local bob = scene.connect("bob", { writebuffer = "<message/>" });
	local alice = scene.connect("alice", { writebuffer = "<message/>" });
	alice.conn.onwritable = function () scene.turns.note(st.message {}, bob); end;
	scene.turns.note(st.message {}, alice);
	scene.turns:complete();
	t.equal(scene.done, { "turn" });
	scene.turns:complete();
	t.equal(scene.done, { "turn", "bob", "turn" });
end);

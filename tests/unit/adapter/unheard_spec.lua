-- What was handed on and given back: the status names it once.

local t = ...;
local unheard = t.load "unheard";

local function new()
	local status, calls = t.spy { "add_bounced" };
	return unheard.new { status = status }, calls;
end

local function entry_of(seq, id)
	return { seq = seq, from = "a@x", to = "b@x", stanza = { attr = { id = id } } };
end

t.test("what is given back is named once", function ()
	local u, calls = new();
	local session = {};
	u:note(session, entry_of(7, "m"));
	u:give_back({}, "a@x", "b@x", "m");
	u:give_back(session, "a@x", "b@x", "n");
	u:give_back(session, "c@x", "b@x", "m");
	t.equal(calls, {});
	for _ = 1, 2 do u:give_back(session, "a@x", "b@x", "m"); end
	t.equal(calls, { { "add_bounced", { seq = 7, refused = true } } });
end);

t.test("of two that look alike the newer is meant", function ()
	local u, calls = new();
	u:note("x.example", entry_of(1));
	u:note("x.example", entry_of(2));
	u:give_back("x.example", "a@x", "b@x", nil);
	t.equal(calls, { { "add_bounced", { seq = 2, refused = true } } });
end);

t.test("the newest 1024 of a listener are kept", function ()
	local u, calls = new();
	for seq = 1, 1025 do u:note("x.example", entry_of(seq, "m" .. seq)); end
	u:give_back("x.example", "a@x", "b@x", "m1");
	t.equal(calls, {});
	u:give_back("x.example", "a@x", "b@x", "m2");
	u:give_back("x.example", "a@x", "b@x", "m1025");
	t.equal({ calls[1][2].seq, calls[2][2].seq }, { 2, 1025 });
end);

t.test("an old place does not take what was noted anew", function ()
	local u, calls = new();
	for seq = 1, 1024 do u:note("x.example", entry_of(seq, seq < 3 and "same" or "m" .. seq)); end
	u:note("x.example", entry_of(1025, "new")); -- the place of 1, whose key now means 2
	u:give_back("x.example", "a@x", "b@x", "same");
	t.equal(calls, { { "add_bounced", { seq = 2, refused = true } } });
end);

t.test("a session that is gone keeps nothing", function ()
	local u = new();
	u:note({}, entry_of(1, "m"));
	collectgarbage();
	t.equal(next(u.by_listener), nil);
end);

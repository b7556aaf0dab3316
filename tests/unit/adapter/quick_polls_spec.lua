-- The server's poller hears what changes, and nothing twice.

local t = ...;
local quick_polls = t.load "quick_polls";

-- A kind of connection as in Prosody 0.12; `told` has what the poller was told.
local function new_kind()
	local kind = { told = {}, fails = false };
	local methods = {};
	function methods.set(conn, reads, writes)
		if not conn.conn then return nil, "invalid fd"; end
		if reads == nil then reads = conn._wantread; end
		if writes == nil then writes = conn._wantwrite; end
		kind.told[#kind.told + 1] = { conn.name, reads, writes };
		if kind.fails then return nil, "failed"; end
		conn._wantread, conn._wantwrite = reads, writes;
		return true;
	end
	kind.methods = methods;
	function kind.open(name)
		return setmetatable({ name = name, conn = {}, _wantread = true, _wantwrite = false }, { __index = methods });
	end
	return kind;
end

t.test("what a connection wants is said once, however often it is asked for", function ()
	local kind = new_kind();
	local one, other = kind.open "one", kind.open "other";
	quick_polls.install(one);
	for _ = 1, 3 do
		t.equal(one:set(nil, true), true); -- as for each stanza that is written
		t.equal(other:set(true, nil), true);
	end
	t.equal(kind.told, { { "one", true, true } });
	for _, wants in ipairs { { nil, false }, { false, nil }, { false, false }, { true, true }, { nil, nil } } do
		t.equal(one:set(wants[1], wants[2]), true);
	end
	t.equal(kind.told, { { "one", true, true }, { "one", true, false }, { "one", false, false }, { "one", true, true } });
end);

t.test("every sequence of wants ends as it does without", function ()
	math.randomseed(3);
	local plain, quick = new_kind(), new_kind();
	local one, other = plain.open "a", quick.open "a";
	quick_polls.install(other);
	local choices = { true, false };
	for _ = 1, 2000 do
		local reads, writes = choices[math.random(3)], choices[math.random(3)]; -- the third is nil
		t.equal({ one:set(reads, writes) }, { other:set(reads, writes) });
		t.equal({ one._wantread, one._wantwrite }, { other._wantread, other._wantwrite });
	end
	t.equal(#quick.told < #plain.told, true);
end);

t.test("what failed is said again", function ()
	local kind = new_kind();
	local conn = kind.open "one";
	quick_polls.install(conn);
	kind.fails = true;
	t.equal({ conn:set(nil, true) }, { nil, "failed" });
	kind.fails = false;
	t.equal({ conn:set(nil, true), #kind.told }, { true, 2 });
end);

t.test("a connection that is closed, or not with the poller, is the server's own matter", function ()
	local kind = new_kind();
	local closed, away = kind.open "closed", kind.open "away";
	quick_polls.install(closed);
	closed.conn, away._wantread, away._wantwrite = nil, nil, nil;
	t.equal({ closed:set(nil, false) }, { nil, "invalid fd" });
	away:set(nil, true);
	t.equal({ #kind.told, kind.told[1][1], kind.told[1][3] }, { 1, "away", true });
end);

t.test("connections of another kind are left as they are, and it can be undone", function ()
	t.equal(quick_polls.install {}, nil);
	t.equal(quick_polls.install(setmetatable({ _wantread = true }, { __index = function () end })), nil);
	t.equal(quick_polls.install(setmetatable({}, { __index = { set = function () end } })), nil);
	local kind = new_kind();
	local before, undo = kind.methods.set, quick_polls.install(kind.open "one");
	t.equal(kind.methods.set ~= before, true);
	t.equal(undo(), true);
	t.equal(kind.methods.set, before);
end);

t.test("what others have put over it is not undone", function ()
	local kind = new_kind();
	local undo, ours = quick_polls.install(kind.open "one"), kind.methods.set;
	local function theirs(...) return ours(...); end
	kind.methods.set = theirs;
	t.equal({ undo(), kind.methods.set == theirs }, { false, true });
	kind.methods.set = ours;
	t.equal(undo(), true);
end);

-- What is done to the server's own code lasts as long as the module is loaded, and is done once.

local t = ...;
local st = require "util.stanza";
local quicker = t.load "quicker";

local texts = getmetatable(st.stanza("x"));
local polls = { set = function () return true; end };

local function open_conn()
	return setmetatable({ conn = {}, _wantread = true, _wantwrite = false }, { __index = polls });
end

-- The server's own code as it is now, to be compared.
local function own_code()
	return { texts.__tostring, texts.top_tag, polls.set };
end

local function is_own(before)
	local same = {};
	for i, each in ipairs(own_code()) do same[i] = each == before[i]; end
	return same;
end

t.test("it begins with the module, and the polls with the gate's connection", function ()
	local before, one = own_code(), quicker.new();
	t.equal(is_own(before), { true, true, true });
	one:start();
	t.equal(is_own(before), { false, false, true });
	one:take(open_conn());
	t.equal(is_own(before), { false, false, false });
	one:stop();
	t.equal(is_own(before), { true, true, true });
end);

t.test("each is done once, however often the module is loaded and the gate comes back", function ()
	local before, one = own_code(), quicker.new();
	one:take(open_conn()); -- a gate that connects while the module is not loaded
	t.equal(is_own(before), { true, true, true });
	local first;
	for _ = 1, 3 do
		one:start();
		one:start();
		one:take(open_conn());
		first = first or own_code();
		one:take(open_conn());
		t.equal(is_own(first), { true, true, true });
		one:stop();
		one:take(open_conn());
		t.equal(is_own(before), { true, true, true });
		first = nil;
	end
	one:stop();
	t.equal(is_own(before), { true, true, true });
end);

t.test("below what others have put over it it stays, and is not put over that", function ()
	local one = quicker.new();
	one:start();
	one:take(open_conn());
	local ours = own_code();
	local function text(stanza) return ours[1](stanza); end
	local function poll(...) return ours[3](...); end
	texts.__tostring, polls.set = text, poll;
	one:stop();
	one:start();
	t.equal({ texts.__tostring == text, texts.top_tag == ours[2], polls.set == poll }, { true, true, true });
	texts.__tostring, polls.set = ours[1], ours[3];
	one:stop();
	t.equal(is_own(ours), { false, false, false });
end);

t.test("connections of another kind are left as they are, and the next one is looked at", function ()
	local before, one = own_code(), quicker.new();
	one:start();
	one:take {};
	t.equal(is_own(before)[3], true);
	one:take(open_conn());
	t.equal(is_own(before)[3], false);
	one:stop();
	t.equal(is_own(before), { true, true, true });
end);

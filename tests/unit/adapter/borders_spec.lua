-- Borders: which table is in force, and between whom there is a border by it.

local t = ...;
local st = require "util.stanza";
local shared = {};
function _G.module.shared() return shared; end
t.prosody.events = require "util.events".new();
t.prosody.hosts["a.example"] = { modules = {} };
t.prosody.hosts["rooms.a.example"] = { modules = { component = {} } };
local borders = t.load "borders";

-- A part of a table: { id, reaches, members } for a class, { jid, people } for a room.
local function part(number, count, classes, rooms)
	local element = st.stanza("borders", { part = tostring(number), of = tostring(count) });
	for _, class in ipairs(classes or {}) do
		element:tag("class", { id = class[1], reaches = class[2] }):text(class[3]):up();
	end
	for _, room in ipairs(rooms or {}) do element:tag("room", { jid = room[1] }):text(room[2]):up(); end
	return element;
end

local DESK = { "1", "1 2", "alice@a.example bob@a.example" };
local SALES = { "2", "2", "carol@b.example" };

-- Whether there is a border from the first to the second, and whether both are listed.
local function between(from, to)
	return { borders.between(from, to) };
end

t.test("until there is a table nothing passes between two people", function ()
	t.equal(borders.in_force(), false);
	t.equal(between("alice@a.example/x", "bob@a.example"), { true, false });
	t.equal(between("alice@a.example/x", "alice@a.example/y"), { false, true });
	t.equal(between("a.example", "alice@a.example"), { false, false });
	t.equal(shared == borders, true);
end);

t.test("a class reaches what it names and that one way", function ()
	t.equal(borders.take(part(1, 1, { DESK, SALES })), true);
	t.equal(borders.in_force(), true);
	t.equal(between("alice@a.example/x", "bob@a.example/y"), { false, true });
	t.equal(between("alice@a.example/x", "carol@b.example"), { false, true });
	t.equal(between("carol@b.example/x", "alice@a.example"), { true, true });
	t.equal(between("alice@a.example/x", "dan@c.example"), { true, false });
	t.equal(between("dan@c.example", "alice@a.example/x"), { true, false });
end);

t.test("a table is in force when its last part is there and it is told once", function ()
	local told = 0;
	t.prosody.events.add_handler("stanza-gate-borders", function () told = told + 1; end);
	t.equal(borders.take(part(1, 2, { DESK })), false);
	t.equal({ borders.in_force(), told, borders.is_listed "alice@a.example" }, { false, 0, false });
	t.equal(borders.take(part(2, 2, { SALES })), true);
	t.equal({ borders.in_force(), told, borders.is_listed "alice@a.example" }, { true, 1, true });
	t.equal(between("alice@a.example", "carol@b.example"), { false, true });
end);

t.test("the rest of a table whose beginning was lost is no table", function ()
	borders.take(part(1, 1, { DESK }));
	t.equal({ borders.take(part(2, 2, { SALES })), borders.take(part(1, 3, { SALES })) }, { false, false });
	t.equal(borders.take(part(3, 3, {})), false); -- one is missing
	t.equal(borders.take(part(2, 3, {})), false); -- and now it has no beginning
	t.equal(borders.take(st.stanza("borders", { part = "one", of = "1" })), false);
	t.equal(borders.take(st.stanza("borders", {})), false);
	t.equal(between("alice@a.example", "bob@a.example"), { false, true });
	t.equal(borders.is_listed "carol@b.example", false);
	t.equal(borders.take(part(1, 1, { SALES })), true);
	t.equal(borders.is_listed "alice@a.example", false);
end);

t.test("a table that begins anew does not keep what had come of the last", function ()
	borders.take(part(1, 2, { DESK }));
	borders.take(part(1, 2, { SALES }));
	borders.take(part(2, 2));
	t.equal({ borders.is_listed "alice@a.example", borders.is_listed "carol@b.example" }, { false, true });
end);

t.test("a room with a list lets in those who are on it alone", function ()
	local room = "r@rooms.a.example";
	borders.take(part(1, 2, { DESK, SALES }, { { room, "alice@a.example" } }));
	borders.take(part(2, 2, {}, { { room, "carol@b.example" }, { "s@rooms.b.example", "" } }));
	t.equal(between("alice@a.example/x", room .. "/alice"), { false, true });
	t.equal(between(room, "carol@b.example"), { false, true });
	t.equal(between("bob@a.example/x", room), { true, true });
	t.equal(between(room .. "/alice", "bob@a.example"), { true, true });
	t.equal({ borders.has_list(room), borders.has_list "s@rooms.b.example" }, { true, true });
	t.equal(borders.has_list "alice@a.example", false);
	local lists = {};
	for name, people in borders.each_list "rooms.a.example" do lists[name] = people; end
	t.equal(lists, { r = { ["alice@a.example"] = true, ["carol@b.example"] = true } });
	for name in borders.each_listed() do assert(name ~= room); end
end);

t.test("the line's own components speak to everybody and what is listed is none of them", function ()
	borders.take(part(1, 1, { DESK, { "3", "", "desk@rooms.a.example" } }));
	t.equal(between("rooms.a.example", "dan@c.example"), { false, false });
	t.equal(between("dan@c.example", "bot@rooms.a.example/x"), { false, false });
	t.equal(between("alice@a.example", "desk@rooms.a.example"), { true, true });
	t.equal(between("a.example", "dan@c.example"), { false, false });
	t.equal(between("dan@a.example", "alice@a.example"), { true, false }); -- an account that is not listed
	borders.take(part(1, 1, { DESK, { "3", "", "a.example" } })); -- a server that is listed still speaks to its accounts
	t.equal(between("a.example", "dan@a.example"), { false, false });
	t.equal({ between("dan@a.example", "a.example"), between("a.example", "dan@c.example") }, { { true, false }, { true, false } });
	borders.take(part(1, 1, { DESK, { "3", "", "rooms.a.example" } }));
	t.equal(between("alice@a.example", "bot@rooms.a.example"), { true, false });
end);

t.test("of many addresses none is taken for another", function ()
	borders.take(part(1, 1, { DESK }));
	for number = 1, 5000 do assert(borders.between("alice@a.example/" .. number, "n" .. number .. "@c.example/x")); end
	t.equal(between("alice@a.example/1", "bob@a.example/5000"), { false, true });
end);

t.test("those are parted who could reach the other and cannot now", function ()
	local people = { ["alice@a.example"] = true, ["bob@a.example"] = true, ["carol@b.example"] = true, ["dan@c.example"] = true };
	local function parted()
		local pairs_of = {};
		borders.each_parted(people, function (one, other) pairs_of[one .. ">" .. other] = true; end);
		return pairs_of;
	end
	borders.take(part(1, 1, { DESK, SALES }));
	t.equal(parted(), {});
	borders.take(part(1, 1, { { "1", "1", DESK[3] }, SALES })); -- the desk reaches sales no more
	t.equal(parted(), { ["alice@a.example>carol@b.example"] = true, ["bob@a.example>carol@b.example"] = true });
	borders.take(part(1, 1, { { "1", "1", "alice@a.example" }, SALES })); -- bob has left
	t.equal(parted(), { ["alice@a.example>bob@a.example"] = true, ["bob@a.example>alice@a.example"] = true });
	borders.take(part(1, 1, { { "9", "9", "alice@a.example" }, SALES })); -- another name for the same
	t.equal(parted(), {});
end);

t.test("a table of a gate that only observes stops nothing and says who is listed", function ()
	local element = part(1, 1, { DESK, SALES }, { { "r@rooms.a.example", "alice@a.example" } });
	t.equal(borders.is_open(), false);
	element.attr.open = "true";
	t.equal(borders.take(element), true);
	t.equal({ borders.in_force(), borders.is_open(), borders.is_listed "carol@b.example" }, { true, true, true });
	for _, pair in ipairs {
		{ "carol@b.example", "alice@a.example/x" }, { "dan@c.example", "alice@a.example" }, { "bob@a.example", "r@rooms.a.example" },
	} do
		t.equal(between(pair[1], pair[2]), { false, true });
	end
end);

t.test("when borders are in force after all those are parted who see each other and may not", function ()
	local people = { ["alice@a.example"] = true, ["bob@a.example"] = true, ["carol@b.example"] = true, ["dan@c.example"] = true };
	local function parted()
		local count = 0;
		borders.each_parted(people, function () count = count + 1; end);
		return count;
	end
	local open = part(1, 1, { DESK, SALES });
	open.attr.open = "true";
	borders.take(part(1, 1, { DESK, SALES }));
	borders.take(open);
	t.equal(parted(), 0);
	borders.take(part(1, 1, { DESK, SALES }));
	t.equal({ borders.is_open(), parted() }, { false, 8 }); -- all twelve pairs but the desk's own two, and what it tells sales
	borders.take(part(1, 1, { DESK, SALES }));
	t.equal(parted(), 0);
end);

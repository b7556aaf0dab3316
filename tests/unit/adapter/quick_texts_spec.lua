-- What the server writes of a stanza is the same, by whichever way it is written.

local t = ...;
local st = require "util.stanza";
local quick = t.load "quick_texts";

-- A first tag as its parts: the server writes that of a copy, whose attributes may stand in another order.
local function parts_of(tag)
	local parts = { tag:match "^<[^ >]+", tag:sub(-1) };
	for attribute in tag:gmatch " [^=]+='[^']*'" do parts[#parts + 1] = attribute; end
	table.sort(parts);
	return parts;
end

local function is_the_same(stanza)
	local text, tag = tostring(stanza), stanza:top_tag();
	local undo = quick.install();
	local quick_text, quick_tag = tostring(stanza), tostring(stanza:top_tag());
	undo();
	t.equal(quick_text, text);
	t.equal({ #quick_tag, parts_of(quick_tag) }, { #tag, parts_of(tag) });
end

local VALUES = { "", "a", "it's", "<\"&\">", "äß漢", "urn:a", "urn:b", "jabber:client", "\r\n\t", ("x"):rep(400), "&amp;", "%1" };
local NAMES = { "message", "body", "x", "y:z" };
local KEYS = {
	"xmlns", "id", "to", "from", "type", "xml:lang", "by",
	"urn:a\1name", "\1name", "http://www.w3.org/XML/1998/namespace\1lang",
};

local function drawn(depth)
	local attr = {};
	for _ = 1, math.random(0, 4) do
		-- Those of another namespace are seldom: with one, all is written in the server's own way.
		local few = math.random(12) == 1 and #KEYS or 7;
		attr[KEYS[math.random(few)]] = VALUES[math.random(#VALUES)];
	end
	local stanza = st.stanza(NAMES[math.random(#NAMES)], attr);
	for _ = 1, math.random(0, 3) do
		if depth > 0 and math.random(2) == 1 then
			stanza:add_direct_child(drawn(depth - 1));
		else
			stanza:add_direct_child(VALUES[math.random(#VALUES)]);
		end
	end
	return stanza;
end

t.test("stanzas of every shape are written as the server writes them", function ()
	math.randomseed(7);
	for _ = 1, 3000 do is_the_same(drawn(4)); end
end);

t.test("numbers that a module has put into a stanza are written as the server writes them", function ()
	local stanza = st.stanza("x", { id = "1" });
	stanza.attr.count, stanza.attr.id = 5, 7;
	is_the_same(stanza);
	local parent = st.stanza("y");
	parent:add_direct_child(stanza);
	is_the_same(parent);
end);

t.test("what cannot be written fails in both ways", function ()
	local stanza = st.stanza("x");
	stanza.attr.flag = true;
	t.equal(pcall(tostring, stanza), false);
	local undo = quick.install();
	t.equal(pcall(tostring, stanza), false);
	t.equal(pcall(stanza.top_tag, stanza), false);
	undo();
end);

t.test("a stanza of many pieces is written whole, and so is the next one", function ()
	local stanza = st.message({ to = "a@b.example" });
	for number = 1, 1000 do stanza:tag("x", { n = tostring(number) }):text("it's <" .. number .. ">"):up(); end
	is_the_same(stanza);
	is_the_same(st.message({ to = "a@b.example" }, "copper & tin"));
end);

t.test("a stanza is as before when it is written", function ()
	local stanza = st.message({ to = "a@b.example", xmlns = "jabber:client" }, "it's copper");
	local undo, before = quick.install(), st.clone(stanza);
	local _ = tostring(stanza) .. tostring(stanza:top_tag());
	undo();
	t.equal({ stanza.attr, stanza.tags, #stanza }, { before.attr, before.tags, #before });
end);

t.test("a top tag for the log is written when it is looked at, and then in all that a log does with it", function ()
	local stanza = st.message({ to = "a@b.example", ["urn:a\1name"] = "x" }, "copper");
	local undo = quick.install();
	local tag = stanza:top_tag();
	undo();
	stanza.attr.to = "c@b.example"; -- it was not written before
	local text = stanza:top_tag();
	t.equal(("<%s>"):format(tag), "<" .. text .. ">");
	t.equal({ tag .. "", "" .. tag, tag .. tag, #tag }, { text, text, text .. text, #text });
	t.equal({ tag:match "^<%a+", tag:sub(1, 4), tag:upper(), tag.name }, { "<message", "<mes", text:upper() });
	t.equal(require "util.format".format("Received[%s]: %s", "c2s", tag), "Received[c2s]: " .. text);
end);

t.test("a top tag that the server sends is a text at once", function ()
	local undo = quick.install();
	for _, name in ipairs { "stream:stream", "body", "open", "x" } do
		t.equal({ name, type(st.stanza(name):top_tag()) }, { name, "string" });
	end
	undo();
end);

t.test("an attribute of another namespace is found wherever it stands, and however often others come before", function ()
	local foreign = st.stanza("x", { ["urn:a\1name"] = "1" });
	for _ = 1, 3 do
		is_the_same(foreign);
		is_the_same(st.message({ to = "a@b.example" }):add_child(st.stanza("y"):add_child(foreign)));
		is_the_same(st.message({ to = "a@b.example" }, "copper"));
	end
end);

t.test("what others have put over it is not undone", function ()
	local methods = getmetatable(st.stanza("x"));
	for _, name in ipairs { "__tostring", "top_tag" } do
		local undo, ours = quick.install(), methods[name];
		methods[name] = function (stanza) return ours(stanza); end
		t.equal(undo(), false);
		methods[name] = ours;
		t.equal(undo(), true);
	end
end);

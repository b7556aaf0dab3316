-- Stanzas as bytes: what any parser reads back as the same stanza.

local t = ...;
local st = require "util.stanza";
local parse = require "util.xml".parse;
local xml = t.load "xml";

local function written(stanza, parent_xmlns)
	local buffer = {};
	return table.concat(buffer, "", 1, xml.write(stanza, buffer, 0, parent_xmlns));
end

t.test("what is written reads back as it was", function ()
	local stanza = st.message({ to = "bob@a.example", id = "it's <\"&\">" })
		:text_tag("body", "2 < 3 & 4 > 1, \"quoted\" 'so' äß漢")
		:tag("x", { xmlns = "urn:example:x" }):text("a"):tag("y"):up():text("b"):up();
	stanza.attr.xmlns = "jabber:client";
	local before = tostring(stanza);
	local text = written(stanza);
	t.equal(tostring(parse(text)), tostring(parse(before)));
	t.equal(tostring(stanza), before);
end);

t.test("an attribute cannot end its quotes and a text cannot open a tag", function ()
	local text = written(st.stanza("x", { a = "'/><y a='\"" }):text("]]><y/>"));
	t.equal(text, "<x a='&apos;/&gt;&lt;y a=&apos;&quot;'>]]&gt;&lt;y/&gt;</x>");
end);

t.test("a namespace is left out where the parent has it", function ()
	local stanza = st.stanza("a", { xmlns = "urn:a" }):tag("b", { xmlns = "urn:a" }):tag("c", { xmlns = "urn:c" });
	t.equal(written(stanza), "<a xmlns='urn:a'><b><c xmlns='urn:c'/></b></a>");
	t.equal(written(stanza, "urn:a"), "<a><b><c xmlns='urn:c'/></b></a>");
end);

t.test("many values are escaped right however often the cache starts anew", function ()
	for number = 1, 5000 do
		local value = "<" .. number .. "&";
		t.equal(written(st.stanza("x", { a = value })), "<x a='&lt;" .. number .. "&amp;'/>");
		if number % 1000 == 0 then t.equal(written(st.stanza("x", { a = "<1&" })), "<x a='&lt;1&amp;'/>"); end
	end
	local long = ("&"):rep(300);
	t.equal(written(st.stanza("x", { a = long })), "<x a='" .. ("&amp;"):rep(300) .. "'/>");
end);

-- What a function has of this name from where it was made.
local function upvalue(function_, name)
	for i = 1, math.huge do
		local found, value = debug.getupvalue(function_, i);
		if found == name then return value; end
		assert(found, name);
	end
end

t.test("what comes once is not kept: ids, counts and times", function ()
	for number = 1, 3000 do
		local stamp = "2026-01-01T00:00:" .. number .. "Z";
		written(st.stanza("a", { id = "i" .. number, h = "" .. number, stamp = stamp, to = "bob@a.example" }));
	end
	local kept = upvalue(upvalue(upvalue(xml.write, "write"), "open"), "written");
	t.equal(kept, { to = { ["bob@a.example"] = " to='bob@a.example'" } });
end);

t.test("what no parser may read is doubtful", function ()
	t.equal(not xml.is_doubtful("<message/>"), true);
	t.equal(not xml.is_doubtful("<x urn:a\1b='1'/>"), false);
	t.equal(not xml.is_doubtful("<x xmlns='http://www.w3.org/2000/xmlns/'/>"), false);
end);

t.test("well formed is what a parser takes", function ()
	t.equal(not xml.is_well_formed("<a xmlns:b='urn:b' b:c='1'><d/></a>"), false);
	for _, text in ipairs { "<a>", "<a/><b/>", "<a b='1' b='2'/>", "<a>\1</a>", "<a b:c='1'/>", "", "<a>&x;</a>" } do
		t.equal({ text, not xml.is_well_formed(text) }, { text, true });
	end
end);

t.test("any value is escaped for an attribute", function ()
	t.equal({ xml.escape("a'b<"), xml.escape(7), xml.escape(nil) }, { "a&apos;b&lt;", "7", "nil" });
end);

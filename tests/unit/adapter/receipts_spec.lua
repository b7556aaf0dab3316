-- Receipts: forged ones go, whatever they look like; others' stay.

local t = ...;
local st = require "util.stanza";
local library = t.load "receipts";
local receipts = library.new "gate.metals.example";

local function ids(stanza)
	local found = {};
	for _, tag in ipairs(stanza.tags) do
		if tag.name == "stanza-id" then found[#found + 1] = tag.attr.id; end
	end
	return found;
end

local function message_with(attr)
	attr.xmlns, attr.id = attr.xmlns or "urn:xmpp:sid:0", "forged";
	return st.message({}, "copper"):tag("stanza-id", attr):reset();
end

t.test("a receipt in the gate's name is taken out however it is spelt", function ()
	for _, by in ipairs {
		"gate.metals.example", "GATE.metals.EXAMPLE", "gate.metals.example/x", "user@gate.metals.example",
		" gate.metals.example\n", "gate\227\128\130metals\239\188\142example", "g\239\189\129te.metals.example",
		"gate.metals.example.", "gate.metals.example./x", "gate.metals.example/", "@gate.metals.example",
		"a b@gate.metals.example", "a@b@gate.metals.example",
		"gate.metals.example/\239\191\189", "ga\194\173te.met\226\128\139als.example", "GATE.metals.example. ",
	} do
		local message = message_with { by = by };
		receipts:remove_forged(message);
		t.equal({ by, ids(message), message:get_child_text "body" }, { by, {}, "copper" });
	end
end);

t.test("what is no address may be meant to look like the gate's, and is taken out", function ()
	for _, by in ipairs {
		"\226\128\170gate.metals.example", "gate.metals.example\226\128\142", "gate.\226\129\166metals\226\129\169.example",
		"ga\216\156te.metals.example", "gate\243\160\128\129.metals.example", "gate.metals.example\226\129\164",
		"xmpp:gate.metals.example", "gate.metals.example#x", "gate.metals.example:5222", "gate metals.example",
		"gate.metals.example?x", "[gate.metals.example]", "gate.metals.example\\20",
	} do
		local message = message_with { by = by };
		receipts:remove_forged(message);
		t.equal({ by, ids(message) }, { by, {} });
	end
end);

t.test("a name in another script is the same in ASCII", function ()
	for _, gate in ipairs { "gate.b\195\188cher.example", "gate.xn--bcher-kva.example" } do
		for _, by in ipairs { "gate.b\195\188cher.example", "gate.xn--bcher-kva.example", "Gate.XN--BCHER-KVA.example" } do
			local message = message_with { by = by };
			library.new(gate):remove_forged(message);
			t.equal({ gate, by, ids(message) }, { gate, by, {} });
		end
	end
end);

t.test("an attribute with a namespace counts as well", function ()
	local message = message_with { ["urn:example\1by"] = "gate.metals.example" };
	receipts:remove_forged(message);
	t.equal(ids(message), {});
end);

t.test("a receipt is taken out of whatever is passed on inside", function ()
	for _, inside in ipairs { "forwarded", "received", "item" } do
		local message = st.message({}, "copper"):tag(inside):tag("message"):text_tag("body", "tin")
			:tag("stanza-id", { xmlns = "urn:xmpp:sid:0", by = "Gate.metals.example", id = "forged" }):up()
			:tag("stanza-id", { xmlns = "urn:xmpp:sid:0", by = "metals.example", id = "other" }):reset();
		receipts:remove_forged(message);
		local passed_on = message:get_child(inside):get_child("message");
		t.equal({ inside, ids(passed_on), passed_on:get_child_text "body" }, { inside, { "other" }, "tin" });
	end
end);

t.test("an id in the name of who is written to is taken out, and not one that is passed on inside", function ()
	for _, to in ipairs { "bob@metals.example", "bob@metals.example/desk" } do
		for _, by in ipairs { "bob@metals.example", "Bob@METALS.example" } do
			local message = message_with { by = by };
			message.attr.to = to;
			message:tag("forwarded"):tag("stanza-id", { xmlns = "urn:xmpp:sid:0", by = by, id = "passed on" }):reset();
			receipts:remove_forged(message);
			t.equal({ by, ids(message), ids(message:get_child "forwarded") }, { by, {}, { "passed on" } });
		end
	end
	local to_oneself = message_with { by = "alice@metals.example" };
	to_oneself.attr.from = "alice@metals.example/desk";
	receipts:remove_forged(to_oneself);
	t.equal(ids(to_oneself), {});
end);

t.test("an id of somebody who is not written to stays", function ()
	for _, by in ipairs { "carol@metals.example", "bob@metals.example/desk", "metals.example", "no address @@" } do
		local message = message_with { by = by };
		message.attr.to = "bob@metals.example";
		receipts:remove_forged(message);
		t.equal({ by, ids(message) }, { by, { "forged" } });
	end
end);

t.test("others' ids stay", function ()
	for _, by in ipairs { "metals.example", "room@rooms.metals.example", "gate.metals.example.org", "xgate.metals.example", "",
		"a\\20b@rooms.metals.example", "p:t#1@rooms.metals.example/a b?", "192.0.2.7", "[2001:db8::7]", "b\195\188cher.example",
		"x_y.metals.example", "\229\143\150\229\188\149.example" } do
		local message = message_with { by = by };
		receipts:remove_forged(message);
		t.equal({ by, ids(message) }, { by, { "forged" } });
	end
	for _, attr in ipairs { { by = "gate.metals.example", xmlns = "urn:example" }, {} } do
		local message = message_with(attr);
		receipts:remove_forged(message);
		t.equal(ids(message), { "forged" });
	end
end);

t.test("whom a name means is told right however many there are", function ()
	for number = 1, 600 do
		local message = message_with { by = "user" .. number .. "@metals.example" };
		receipts:remove_forged(message);
		t.equal(ids(message), { "forged" });
	end
	local message = message_with { by = "Gate.metals.example" };
	receipts:remove_forged(message);
	t.equal(ids(message), {});
end);

t.test("the record of a message, and the id that its room gave it", function ()
	local room, sid = "pit@rooms.metals.example", "urn:xmpp:sid:0";
	local message = st.message({ from = room .. "/al" }, "copper");
	t.equal({ receipts:ids_in(message, room) }, {});
	message:tag("stanza-id", { xmlns = sid, by = "other@rooms.metals.example", id = "o" }):up();
	receipts:add(message, "gate/7");
	t.equal({ receipts:ids_in(message, room) }, { "gate/7" });
	message:tag("stanza-id", { xmlns = sid, by = room, id = "r" }):up();
	t.equal({ receipts:ids_in(message, room) }, { "gate/7", "r" });
end);

t.test("the receipt names the record", function ()
	local message = st.message({}, "copper");
	receipts:add(message, "gate/100042");
	local id = message:get_child("stanza-id", "urn:xmpp:sid:0");
	t.equal({ id.attr.by, id.attr.id, #message, #message.tags }, { "gate.metals.example", "gate/100042", 2, 2 });
	assert(tostring(message):find("id='gate/100042'", 1, true));
end);

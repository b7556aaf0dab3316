-- The elements of the gate protocol, as they are written and read.

local t = ...;
local st = require "util.stanza";
local parse = require "util.xml".parse;
local wire = t.load "wire";

local HELD = { epoch = "9f2c", way = "c2s", session = "c7" };

local function head(more)
	local held = {};
	for key, value in pairs(HELD) do held[key] = value; end
	for key, value in pairs(more or {}) do held[key] = value; end
	return wire.encode_head("metals.example", "gate.metals.example", held);
end

t.test("a submission carries the stanza with the namespace of clients", function ()
	local stanza = st.message({ from = "a@metals.example/x", to = "b@metals.example" }, "copper & tin");
	local text = assert(wire.encode_stanza(head(), 42, stanza));
	local message = assert(parse(text));
	t.equal(message.attr, { from = "metals.example", to = "gate.metals.example" });
	local held = message:get_child("held", wire.XMLNS);
	t.equal(held.attr, { xmlns = wire.XMLNS, epoch = "9f2c", seq = "42", way = "c2s", session = "c7" });
	local forwarded = held:get_child("forwarded", "urn:xmpp:forward:0");
	local carried = forwarded:get_child("message", "jabber:client");
	t.equal({ carried:get_child_text "body", carried.attr.to }, { "copper & tin", "b@metals.example" });
	t.equal(stanza.attr.xmlns, nil); -- as it was
end);

t.test("what is stopped or injected is said in the head", function ()
	local stanza = st.presence();
	local text = assert(wire.encode_stanza(head { stopped = true, inject = "it's 'q7'" }, 1, stanza));
	local held = parse(text):get_child("held", wire.XMLNS);
	t.equal({ held.attr.stopped, held.attr.inject }, { "true", "it's 'q7'" });
end);

t.test("what is said is the same however its attributes stand", function ()
	local function said(stanza) return wire.said_in(assert(wire.encode_stanza(head(), 1, stanza))); end
	local one = said(st.message({ to = "b@a.example", id = "1" }, "x"));
	t.equal(said(st.message({ id = "1", to = "b@a.example" }, "x")), one);
	assert(said(st.message({ to = "b@a.example", id = "1" }, "y")) ~= one);
	assert(said(st.message({ to = "c@a.example", id = "1" }, "x")) ~= one);
end);

t.test("too many bytes are too large and leave the stanza as it was", function ()
	local stanza = st.message({ to = "b@a.example" }, ("x"):rep(1000));
	local text = assert(wire.encode_stanza(head(), 1, stanza));
	t.equal(wire.encode_stanza(head(), 1, stanza, #text), text);
	t.equal({ wire.encode_stanza(head(), 1, stanza, #text - 1) }, { nil, "too large" });
	t.equal(stanza.attr.xmlns, nil);
end);

t.test("many pieces are counted before they are joined", function ()
	local stanza = st.message();
	for _ = 1, 2000 do stanza:tag("x", { xmlns = "urn:example:" .. ("n"):rep(100) }):up(); end
	t.equal({ wire.encode_stanza(head(), 1, stanza, 10000) }, { nil, "too large" });
	assert(wire.encode_stanza(head(), 1, stanza, 1000000));
end);

t.test("attributes of another namespace are written as a parser reads them", function ()
	local stanza = st.message():tag("x", { xmlns = "urn:x", ["urn:y\1z"] = "1", ["xml:lang"] = "de" }):reset();
	local text = assert(wire.encode_stanza(head(), 1, stanza));
	local x = parse(text):find "{urn:steelyard:gate:0}held/{urn:xmpp:forward:0}forwarded/{jabber:client}message/{urn:x}x";
	t.equal({ x.attr["urn:y\1z"], x.attr["xml:lang"] }, { "1", "de" });
end);

t.test("what no parser reads is unwritable", function ()
	for _, attr in ipairs { { xmlns = "http://www.w3.org/2000/xmlns/" }, { ["http://www.w3.org/XML/1998/namespace\1x"] = "1" } } do
		local stanza = st.message():tag("x", attr):reset();
		t.equal({ wire.encode_stanza(head(), 1, stanza) }, { nil, "unwritable" });
		t.equal(stanza.attr.xmlns, nil);
	end
end);

t.test("an event has its name and its facts", function ()
	local text = wire.encode_event(head(), 5, "bind", { resource = "<desk>" });
	local bind = parse(text):get_child("held", wire.XMLNS).tags[1];
	t.equal({ bind.name, bind.attr.resource }, { "bind", "<desk>" });
end);

t.test("a status says what was bounced or refused and which hosts are not held", function ()
	local text = wire.encode_status("a.example", "gate.a.example", {
		epoch = "e", n = 3, first = 5, next = 9, done = 4, turned_away = 2,
		bounced = { { seq = 1 }, { seq = 3, refused = true } }, unheld = { "it's.example" },
		uploads = { { host = "it's.example", module = "proxy65" } },
		archived = { { record = "gate/7", id = "x'1" } },
	});
	local status = parse(text):get_child("status", wire.XMLNS);
	t.equal(status.attr, {
		xmlns = wire.XMLNS, epoch = "e", n = "3", first = "5", next = "9", done = "4", ["turned-away"] = "2",
	});
	t.equal({ #status.tags, status.tags[1].attr, status.tags[2].attr }, {
		5, { xmlns = wire.XMLNS, seq = "1" }, { xmlns = wire.XMLNS, seq = "3", refused = "true" },
	});
	t.equal({ status.tags[3].name, status.tags[3].attr.host }, { "unheld", "it's.example" });
	t.equal({ status.tags[4].name, status.tags[4].attr.host, status.tags[4].attr.module }, {
		"upload", "it's.example", "proxy65",
	});
	t.equal({ status.tags[5].name, status.tags[5].attr.record, status.tags[5].attr.id }, { "archived", "gate/7", "x'1" });
end);

local function verdict(attr)
	attr.xmlns = wire.XMLNS;
	return st.stanza("verdict", attr);
end

t.test("a verdict is read with what it says of single numbers", function ()
	local element = verdict { epoch = "e", log = "gate", seq = "7", through = "9", first = "100" }
		:tag("refuse", { seq = "8" }):up():tag("keep", { seq = "9" }):up();
	local read = wire.read_verdict(element);
	t.equal({ read.epoch, read.log, read.seq, read.through, read.first }, { "e", "gate", 7, 9, 100 });
	t.equal({ read.exceptions[8].name, read.exceptions[9].name, read.exceptions[7] }, { "refuse", "keep", nil });
	t.equal(wire.read_verdict(verdict { seq = "1" }).exceptions, nil);
end);

t.test("a number that is none is nil", function ()
	for _, text in ipairs { "", "x", "1.5", "1e400" } do
		t.equal(wire.read_verdict(verdict { seq = text, through = text }).through, nil);
	end
	t.equal({ wire.read_noted(st.stanza("noted", { n = "12" })), wire.read_noted(st.stanza("noted")) }, { 12, 0 });
end);

t.test("what an element forwards may be missing", function ()
	local amend = st.stanza("amend"):tag("forwarded", { xmlns = "urn:xmpp:forward:0" }):tag("message"):reset();
	t.equal(wire.read_forwarded(amend).name, "message");
	t.equal(wire.read_forwarded(st.stanza("amend")), nil);
end);

t.test("the namespace of clients goes but below another one", function ()
	local message = st.stanza("message", { xmlns = "jabber:client" })
		:tag("body", { xmlns = "jabber:client" }):up()
		:tag("forwarded", { xmlns = "urn:xmpp:forward:0" }):tag("message", { xmlns = "jabber:client" }):reset();
	local error_tag = st.stanza("error", { xmlns = wire.XMLNS }):tag("gone", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" });
	wire.without_client_namespace(error_tag:reset()); -- it has the verdict's
	t.equal({ error_tag.attr.xmlns, error_tag.tags[1].attr.xmlns }, { nil, "urn:ietf:params:xml:ns:xmpp-stanzas" });
	wire.without_client_namespace(message);
	t.equal({ message.attr.xmlns, message.tags[1].attr.xmlns }, { nil, nil });
	t.equal(message.tags[2].tags[1].attr.xmlns, "jabber:client");
end);

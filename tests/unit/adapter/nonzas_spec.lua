-- nonzas.lib.lua: what is said to a stream itself goes to no other host.

local t = ...;
local st = require "util.stanza";
local nonzas = t.load "nonzas";

local SASL, MANAGEMENT, BIND = "urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sm:3", "urn:ietf:params:xml:ns:xmpp-bind";

local function address_of(stanza, type)
	local filtered = nonzas.filter(stanza, { type = type, host = "a.example" });
	t.equal(filtered == stanza, true);
	return filtered.attr.to or "none";
end

t.test("what is no stanza loses its address, whatever it is and whenever a client says it", function ()
	for _, type in ipairs { "c2s_unauthed", "c2s_unbound", "c2s" } do
		for name, xmlns in pairs { auth = SASL, abort = SASL, resume = MANAGEMENT, starttls = "urn:x", authenticate = "urn:y" } do
			local element = st.stanza(name, { xmlns = xmlns, to = "b.example", mechanism = "PLAIN" });
			t.equal({ type, name, address_of(element, type), element.attr.mechanism }, { type, name, "none", "PLAIN" });
		end
	end
end);

t.test("a stanza has its address once its client is bound, and not before", function ()
	local function bind() return st.iq({ type = "set", id = "1", to = "b.example" }):tag("bind", { xmlns = BIND }):reset(); end
	t.equal(address_of(bind(), "c2s_unauthed"), "none");
	t.equal(address_of(bind(), "c2s_unbound"), "none");
	t.equal(address_of(st.message { to = "bob@b.example" }, "c2s"), "bob@b.example");
	t.equal(address_of(st.message { to = "bob@b.example", xmlns = "jabber:server" }, "c2s"), "none");
	t.equal(address_of(st.presence {}, "c2s"), "none");
end);

t.test("servers go on as they do", function ()
	for _, type in ipairs { "s2sin_unauthed", "s2sin", "s2sout" } do
		t.equal(address_of(st.stanza("result", { xmlns = "jabber:server:dialback", to = "b.example" }), type), "b.example");
		t.equal(address_of(st.message { to = "bob@b.example" }, type), "bob@b.example");
	end
end);

t.test("a component's handshake is for the host of its stream", function ()
	local closed = {};
	local session = { type = "component_unauthed", host = "gate.a.example" };
	function session.close(_, reason) closed[#closed + 1] = reason; end
	local function shake(to)
		local handshake = st.stanza("handshake", { xmlns = "jabber:component:accept", to = to }):text "digest";
		return nonzas.refuse_handshake { origin = session, stanza = handshake };
	end
	t.equal({ shake "roster.a.example", closed }, { true, { "not-authorized" } });
	t.equal({ shake(nil), #closed }, { nil, 1 });
end);

t.test("what is neither a stanza nor has a namespace of its own ends the stream", function ()
	for _, type in ipairs { "c2s_unauthed", "c2s", "s2sin", "s2sout" } do
		local closed = {};
		local session = { type = type, close = function (_, reason) closed[#closed + 1] = reason; end };
		for _, name in ipairs { "foo", "pre-message", "pre-presence", "Message" } do
			t.equal(nonzas.filter(st.stanza(name, { to = "bob@b.example" }), session), nil);
		end
		t.equal({ #closed, closed[1] }, { 4, "unsupported-stanza-type" });
		for _, name in ipairs { "message", "presence", "iq" } do
			t.equal(nonzas.filter(st.stanza(name, {}), session).name, name);
		end
		t.equal(nonzas.filter(st.stanza("features", { xmlns = "http://etherx.jabber.org/streams" }), session).name, "features");
		t.equal(#closed, 4);
	end
end);

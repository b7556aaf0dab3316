-- Which TLS a stream with another server gets, and where that server is looked for.

local t = ...;

local PEM = "-----BEGIN PUBLIC KEY-----\nTWV0YWxz\n-----END PUBLIC KEY-----\n";
local PIN = require "util.hashes".sha256("Metals", true);

-- Load the module with these sites; `hooks` and `host_hooks` are what it hooks, by event, and `contexts` what it asked for.
local function new_scene(sites, max_streams)
	local scene = { hooks = {}, host_hooks = {}, contexts = {}, looked_up = {}, connected = {} };
	local function context(host, mode, config)
		scene.contexts[#scene.contexts + 1] = mode .. " " .. host .. " " .. config.cafile;
		if config.cafile == "unreadable" then return nil, "no such file"; end
		return "context for " .. config.cafile, nil, config;
	end
	scene.service = { new = function (...) scene.looked_up[#scene.looked_up + 1] = { ... }; return "from DNS"; end };
	package.loaded["core.certmanager"] = { create_context = context };
	package.loaded["net.resolvers.service"] = scene.service;
	package.loaded["net.resolvers.basic"] = {
		new = function (...) scene.connected[#scene.connected + 1] = { ... }; return "at its address"; end,
	};
	_G.module.set_global = function () end;
	_G.module.get_option = function () return sites; end;
	_G.module.get_option_number = function (_, _, default) return max_streams or default; end;
	_G.module.hook = function (_, event, handler) scene.hooks[event] = handler; end;
	t.load_module "mod_federated_sites";
	_G.module.add_host {
		hook = function (_, event, handler) scene.host_hooks[event] = handler; end,
		hook_tag = function (_, _, name, handler) scene.host_hooks[name] = handler; end,
	};
	function scene.begin(session)
		session.closed = {};
		session.close = function (self, reason) self.closed[#self.closed + 1] = reason.condition; end;
		return scene.host_hooks["s2s-stream-features"] { origin = session };
	end
	return scene;
end

local function incoming(from)
	return { type = "s2sin_unauthed", from_host = from, to_host = "here.example" };
end

local ZURICH = { authority = "zurich.crt", address = "192.0.2.7", port = 5270 };
local SITES = { ["zurich.example"] = ZURICH, ["bern.example"] = { authority = "bern.crt", pins = { PIN } } };

t.test("each site's streams trust its own authority, and what was read is used again until it is renewed", function ()
	local scene = new_scene(SITES);
	for _ = 1, 2 do
		local zurich, bern = incoming "zurich.example", incoming "bern.example";
		t.equal({ scene.begin(zurich), scene.begin(bern) }, {});
		t.equal({ zurich.ssl_ctx, bern.ssl_ctx }, { "context for zurich.crt", "context for bern.crt" });
	end
	t.equal(scene.contexts, { "server here.example zurich.crt", "server here.example bern.crt" });
	scene.hooks["config-reloaded"]();
	scene.begin(incoming "bern.example");
	t.equal(scene.contexts[3], "server here.example bern.crt");
end);

t.test("a stream that we begin trusts the site's authority, and one to no site is none of ours", function ()
	local scene = new_scene(SITES);
	local out, none = { from_host = "here.example", to_host = "bern.example" }, { from_host = "h", to_host = "far.example" };
	scene.host_hooks["s2sout-created"] { session = out };
	scene.host_hooks["s2sout-created"] { session = none };
	t.equal({ out.ssl_ctx, none.ssl_ctx }, { "context for bern.crt" });
	t.equal(scene.contexts, { "client here.example bern.crt" });
end);

t.test("a stream of no site is closed", function ()
	local scene = new_scene(SITES);
	for _, from in ipairs { "far.example", "", "sub.zurich.example" } do
		local session = incoming(from);
		t.equal({ scene.begin(session), session.closed, session.ssl_ctx }, { true, { "policy-violation" } });
	end
	local nameless = incoming(nil);
	t.equal({ scene.begin(nameless), nameless.closed }, { true, { "policy-violation" } });
end);

t.test("what comes while a stream begins waits behind what waits, and goes its way otherwise", function ()
	local st = require "util.stanza";
	local route = new_scene(SITES).host_hooks["route/remote"];
	local function to_bern(session, type)
		local sessions = { ["bern.example"] = session };
		_G.prosody = { hosts = { ["here.example"] = { s2sout = sessions } } };
		local stanza = st.message { from = "a@here.example", to = "b@bern.example", id = "m1", type = type };
		return route { from_host = "here.example", to_host = "bern.example", stanza = stanza };
	end
	local waiting = { type = "s2sout", sendq = { { "<first/>" } } };
	t.equal({ to_bern(waiting, "chat"), to_bern(waiting, "error") }, { true, true });
	t.equal(#waiting.sendq, 3);
	t.equal(tostring(st.preserialize(waiting.sendq[2][2]).attr.to), "a@here.example"); -- an error comes back to its sender
	t.equal({ waiting.sendq[1][1], waiting.sendq[2][1]:match "id='(.-)'", waiting.sendq[3][2] }, { "<first/>", "m1", false });
	-- As it is from Prosody 13 on.
	local queue = require "util.queue".new(2);
	queue:push(st.message { id = "m0" });
	local later = { type = "s2sout", sendq = queue };
	t.equal({ to_bern(later, "chat"), to_bern(later, "chat") }, { true }); -- the second finds it full
	t.equal({ queue:count(), queue:pop().attr.id, queue:pop().attr.id }, { 2, "m0", "m1" });
	-- There is none, it is not authenticated (mod_s2s has it wait), or nothing waits.
	for _, session in ipairs { false, { type = "s2sout_unauthed", sendq = {} }, { type = "s2sout" } } do
		t.equal(to_bern(session or nil, "chat"), nil);
		t.equal(session and session.sendq and #session.sendq or 0, 0);
	end
end);

-- A stream to bern on which `ids` wait, whose features have come; `sent` and `given_back` are what became of them.
local function new_stream(scene, ids, features)
	local st = require "util.stanza";
	local session = { type = "s2sout", from_host = "here.example", to_host = "bern.example", sendq = {}, sent = {} };
	for i, id in ipairs(ids) do
		local stanza = st.message({ from = "a@here.example/x", to = "b@bern.example", id = id }):tag("x", { xmlns = "urn:x" });
		session.sendq[i] = { tostring(stanza), st.reply(stanza) };
	end
	function session.sends2s(stanza) session.sent[#session.sent + 1] = stanza; end
	function session.bounce_sendq(gone) session.given_back = gone; end
	session.waiting = session.sendq;
	scene.host_hooks.features(session, features or st.stanza "features":tag("sm", { xmlns = "urn:xmpp:sm:3" }):reset());
	return session;
end

local function is_stanza(thing)
	return require "util.stanza".is_stanza(thing);
end

t.test("what waits is sent as stanzas once the stream counts, and before what comes then", function ()
	local st, scene = require "util.stanza", new_scene(SITES);
	local session = new_stream(scene, { "m1", "m2" });
	t.equal({ session.sendq, session.sent }, { {}, {} }); -- nothing is left for mod_s2s
	_G.prosody = { hosts = { ["here.example"] = { s2sout = { ["bern.example"] = session } } } };
	session.sendq = nil; -- by mod_s2s
	local later = { from_host = "here.example", to_host = "bern.example", stanza = st.message { id = "m3" } };
	t.equal(scene.host_hooks["route/remote"](later), true);
	session.smacks = "urn:xmpp:sm:3"; -- by mod_smacks, in its timer
	t.tasks[1][2]();
	local ids = {};
	for i, stanza in ipairs(session.sent) do ids[i] = is_stanza(stanza) and stanza.attr.id; end
	t.equal({ ids, session.given_back }, { { "m1", "m2", "m3" } });
	-- Attributes have no order.
	local sent, waited = session.sent[1], require "util.xml".parse(session.waiting[1][1]);
	t.equal({ sent.name, sent.attr, sent.tags[1].attr }, { waited.name, waited.attr, waited.tags[1].attr });
	t.equal(scene.host_hooks["route/remote"](later), nil);
end);

t.test("what waits for a stream that does not count after all is sent as it is", function ()
	local session = new_stream(new_scene(SITES), { "m1" });
	t.tasks[1][2]();
	t.equal({ session.sent[1], session.given_back }, { session.waiting[1][1] });
end);

t.test("what waits for a stream that ends before it counts comes back", function ()
	local scene = new_scene(SITES);
	local ended, closed = new_stream(scene, { "m1" }), new_stream(scene, { "m2", "m3" });
	for _, task in ipairs(t.tasks) do assert(task[1] > 1e-6); end
	-- Prosody has emptied the one; the other takes nothing more.
	ended.destroyed = true;
	function closed.sends2s() return false; end
	for _, task in ipairs(t.tasks) do task[2](); end
	local ended_back, closed_back = ended.given_back, closed.given_back;
	t.equal({ #ended_back.sendq, #closed_back.sendq, ended_back.had_stream }, { 1, 2, true });
	t.equal({ ended_back.from_host, ended_back.to_host, ended.sent }, { "here.example", "bern.example", {} });
end);

t.test("where the server itself counts what waits, or nobody does, it is left to it", function ()
	local st, scene = require "util.stanza", new_scene(SITES);
	local uncounted = new_stream(scene, { "m1" }, st.stanza "features");
	local later = { type = "s2sout", sendq = require "util.queue".new(2) };
	local unready, empty = { type = "s2sout_unauthed", sendq = {} }, { type = "s2sout" };
	for _, session in ipairs { later, unready, empty } do
		local sendq = session.sendq;
		scene.host_hooks.features(session, st.stanza "features":tag("sm", { xmlns = "urn:xmpp:sm:2" }):reset());
		assert(session.sendq == sendq);
	end
	t.equal({ #uncounted.sendq, #t.tasks }, { 1, 0 });
end);

t.test("where an authority cannot be read nobody is trusted", function ()
	local scene, session = new_scene { ["zurich.example"] = { authority = "unreadable" } }, incoming "zurich.example";
	scene.begin(session);
	t.equal(session.ssl_ctx, false);
end);

t.test("a stream that has its TLS keeps it", function ()
	local scene, session = new_scene(SITES), incoming "zurich.example";
	session.secure, session.ssl_ctx = true, "its own";
	scene.begin(session);
	t.equal(session.ssl_ctx, "its own");
end);

t.test("a certificate without the expected key is not trusted, whoever has signed it", function ()
	local scene = new_scene(SITES);
	local check = scene.hooks["s2s-check-certificate"];
	local function status(host, pem)
		local session = { cert_chain_status = "valid", trusts_authority_of = host };
		check { session = session, host = host, cert = pem and { pubkey = function () return pem; end } or nil };
		return session.cert_chain_status;
	end
	t.equal(status("bern.example", PEM), "valid");
	t.equal(status("bern.example", PEM:gsub("TWV0", "TWV1")), "invalid");
	t.equal(status("bern.example", "no key"), "invalid");
	t.equal(status("zurich.example", "any"), "valid");
	t.equal(status("bern.example", nil), "valid"); -- the server itself refuses one that has none
end);

t.test("a certificate that was shown to TLS of another site, or of none, is not looked at", function ()
	local scene, session = new_scene(SITES), incoming "zurich.example";
	scene.begin(session);
	local check = scene.hooks["s2s-check-certificate"];
	t.equal(check { session = session, host = "zurich.example", cert = {} }, nil);
	t.equal(check { session = session, host = "bern.example", cert = {} }, false);
	local late = incoming "zurich.example";
	late.secure = true;
	scene.begin(late);
	t.equal(check { session = late, host = "zurich.example", cert = {} }, false);
	t.equal({ session.closed, late.closed }, { { "policy-violation" }, { "policy-violation" } });
end);

t.test("a certificate of no site is not looked at", function ()
	local scene, closed = new_scene(SITES), {};
	local session = { close = function (_, reason) closed[#closed + 1] = reason.condition; end };
	t.equal(scene.hooks["s2s-check-certificate"] { session = session, host = "far.example" }, false);
	t.equal(scene.hooks["s2s-check-certificate"] { session = session }, false);
	t.equal(closed, { "policy-violation", "policy-violation" });
end);

t.test("a site with an address is found there, and not by the service that begins with TLS", function ()
	local scene = new_scene(SITES);
	t.equal(scene.service.new("zurich.example", "xmpp-server", "tcp", "more"), "at its address");
	t.equal(scene.connected, { { "192.0.2.7", 5270, "tcp", "more" } });
	local found = "nothing yet";
	scene.service.new("zurich.example", "xmpps-server", "tcp"):next(function (target) found = target; end);
	t.equal({ found, #scene.looked_up }, { nil, 0 });
end);

t.test("others are looked up, and all are once the module is unloaded", function ()
	local scene = new_scene(SITES);
	t.equal(scene.service.new("bern.example", "xmpp-server", "tcp", "more"), "from DNS");
	t.equal(scene.looked_up, { { "bern.example", "xmpp-server", "tcp", "more" } });
	_G.module.unload();
	t.equal(scene.service.new("zurich.example", "xmpp-server", "tcp"), "from DNS");
end);

-- A stream from one domain to another that is established now.
local function established(scene, from, to)
	local session = { type = "s2sin", from_host = from, to_host = to, closed = {} };
	function session:close(reason)
		self.closed[#self.closed + 1] = reason.condition;
		t.prosody.incoming_s2s[self] = nil;
	end
	t.prosody.incoming_s2s[session] = true;
	scene.hooks["s2sin-established"] { session = session };
	return session;
end

t.test("of the streams of a domain to one of ours the newest stay", function ()
	local scene, streams = new_scene(SITES, 3), {};
	t.prosody.incoming_s2s = {};
	for i = 1, 5 do streams[i] = established(scene, "zurich.example", "here.example"); end
	local others = {
		established(scene, "bern.example", "here.example"),
		established(scene, "zurich.example", "rooms.here.example"),
	};
	local closed = {};
	for i = 1, 5 do closed[i] = streams[i].closed; end
	t.equal(closed, { { "conflict" }, { "conflict" }, {}, {}, {} });
	t.equal({ others[1].closed, others[2].closed }, { {}, {} });
	t.equal(#t.logged, 2);
end);

t.test("one that has not proved who it is counts for nothing, and one that says so again is no newer", function ()
	local scene = new_scene(SITES, 2);
	t.prosody.incoming_s2s = { [{ type = "s2sin_unauthed", from_host = "zurich.example", to_host = "here.example" }] = true };
	local first, second = established(scene, "zurich.example", "here.example"), established(scene, "zurich.example", "here.example");
	scene.hooks["s2sin-established"] { session = first };
	t.equal({ first.closed, second.closed }, { {}, {} });
	established(scene, "zurich.example", "here.example");
	t.equal({ first.closed, second.closed }, { { "conflict" }, {} });
end);

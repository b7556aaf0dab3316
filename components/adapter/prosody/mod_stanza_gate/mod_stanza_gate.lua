-- The Prosody adapter of the stanza gate: urn:steelyard:gate:0 (docs/gate-protocol.md).
--
-- Every stanza that a client, a federated server or a component hands to this server is held, submitted to the gate, and
-- carried out only when the gate's verdict says that it is recorded. There is no policy in the adapter.
--
-- This file has the hooks: what the server tells the adapter. Each library beside it owns one thing, and begins with what.
-- All of them are made once, below; what a library needs of others it is given there.
--
-- Settings: stanza_gate (the gate's JID, an external component), stanza_gate_timeout (seconds), stanza_gate_window
-- (stanzas), stanza_gate_window_bytes, stanza_gate_session_window (stanzas), stanza_gate_stanza_bytes (of one),
-- stanza_gate_federated (domains).

module:set_global();

local filters = require "util.filters";
local jid_host = require "util.jid".host;
local modulemanager = require "core.modulemanager";

local hosts = prosody.hosts;

local FIRST = 1e6; -- hook priority: before every other module

local gate = module:get_option_string("stanza_gate");
local timeout_s = module:get_option_number("stanza_gate_timeout", 5);
local max_stanzas = module:get_option_number("stanza_gate_window", 16384);
local max_bytes = module:get_option_number("stanza_gate_window_bytes", 32 * 1024 * 1024);
local max_per_session = module:get_option_number("stanza_gate_session_window", 256);
local max_stanza_bytes = module:get_option_number("stanza_gate_stanza_bytes", 2 * 1024 * 1024);
local federated = module:get_option_set("stanza_gate_federated", {});

if not gate then
	error("mod_stanza_gate needs stanza_gate, the JID of the gate's component, in the configuration", 0);
end

-- The parts ---------------------------------------------------------------------------------------------------------------

local borders = module:require "borders";
local wire = module:require "wire";
local window = module:require "window".new(max_stanzas, max_bytes);
local link = module:require "link".new(gate, timeout_s);
local status = module:require "status".new { wire = wire, window = window, link = link };
local receipts = module:require "receipts".new(gate);
local answers = module:require "answers".new { wire = wire, link = link };
local acknowledgements = module:require "acknowledgements".new();
local carrying = module:require "carrying".new { window = window, status = status, answers = answers };
local senders = module:require "senders".new { window = window, carrying = carrying, max_per_session = max_per_session };
local submissions = module:require "submissions".new {
	wire = wire, window = window, link = link, status = status, answers = answers, senders = senders,
	acknowledgements = acknowledgements, max_stanza_bytes = max_stanza_bytes,
};
local server_made = module:require "server_made".new { borders = borders, submissions = submissions };
local verdicts = module:require "verdicts".new {
	wire = wire, window = window, link = link, answers = answers, senders = senders, carrying = carrying, receipts = receipts,
};
local requests = module:require "requests".new {
	wire = wire, window = window, link = link, status = status,
	borders = borders, submissions = submissions, server_made = server_made, verdicts = verdicts,
};
local clock = module:require "clock".new {
	window = window, link = link, status = status, answers = answers, senders = senders,
	acknowledgements = acknowledgements, timeout_s = timeout_s,
};
clock:start();
local stopping = module:require "stopping".new {
	window = window, link = link, status = status, senders = senders, clock = clock, timeout_s = timeout_s,
};

-- Stanzas -----------------------------------------------------------------------------------------------------------------

-- An external component's stream, not a host of this server (an internal component's host is called "component", too).
local function is_external_component(origin)
	return origin.type == "component" and origin ~= hosts[origin.host];
end

local function from_client(event)
	local origin, stanza = event.origin, event.stanza;
	if carrying:take_released(stanza) then
		server_made:mark_submitted(stanza);
		return nil;
	end
	if origin.type ~= "c2s" or carrying:is_under_way() then
		server_made:mark_submitted(stanza);
		return server_made:note(origin, stanza, origin.host);
	end
	return submissions:hold(origin, stanza, origin.host, "c2s", "client");
end

local function from_elsewhere(event)
	local origin, stanza = event.origin, event.stanza;
	local type = origin.type;
	if type == "c2s" then
		return server_made:note_unsubmitted(origin, stanza);
	elseif type == "local" or carrying:take_released(stanza) then
		return nil;
	elseif type == "s2sin" or type == "s2sout" then
		if origin.dummy then return nil; end -- the server's own error for a remote server that cannot be reached
		return submissions:hold(origin, stanza, jid_host(stanza.attr.to), "s2s");
	elseif is_external_component(origin) then
		if origin.host == gate then
			requests:take(origin, stanza);
			return true;
		end
		return submissions:hold(origin, stanza, origin.host, "component");
	elseif type == "component" then
		return server_made:note_occupant(origin, stanza);
	end
	return nil;
end

-- A room tells everybody in it what somebody said, and throws out whom it cannot reach. It must not throw out a session
-- that has ended before its last words are said: it leaves with its farewell.
local function to_departed(event)
	local attr = event.stanza.attr;
	if attr.type ~= "groupchat" or event.origin.type == "c2s" then return nil; end
	if senders:is_leaving(attr.to) then return true; end
end

-- What leaves this server: to federated sites only, and an external component's stanzas are held here as well.
local function to_remote(event)
	local origin, stanza = event.origin, event.stanza;
	if not federated:contains(event.to_host) then
		module:log("info", "Not routed to %s: it is not a federated site", event.to_host);
		return false;
	elseif carrying:take_released(stanza) then
		return nil;
	elseif origin and is_external_component(origin) then
		return submissions:hold(origin, stanza, origin.host, "component", "routed");
	elseif origin and origin.type == "c2s" and server_made:note_unsubmitted(origin, stanza) then
		return true; -- as if it were sent: nobody is told
	elseif origin and origin.type == "component" and server_made:note_occupant(origin, stanza) then
		return true;
	elseif server_made:is_stopped(stanza) then
		module:log("info", "Not routed from %s to %s: a border is in the way", stanza.attr.from, stanza.attr.to);
		return true;
	end
	return nil;
end

local function to_client(stanza, session)
	-- mod_bosh sends what it has written already once more, as text. It was told, or not, when it was a stanza.
	if not stanza.attr then return stanza; end
	return server_made:told(stanza, session);
end

filters.add_filter_hook(function (session)
	if session.type == "c2s_unauthed" or session.type == "c2s" then
		filters.add_filter(session, "stanzas/out", to_client, FIRST);
	end
	filters.add_filter(session, "stanzas/in", acknowledgements.count, -FIRST);
end);

local function to_offline(handlers, name, event)
	local own = event.origin.username .. "@" .. event.origin.host;
	return server_made:deliver_offline(own, function () return handlers(name, event); end);
end

-- Sessions ----------------------------------------------------------------------------------------------------------------

local function transport(session)
	local attr = { jid = session.full_jid, address = session.ip };
	local socket = session.conn and session.conn.socket and session.conn:socket();
	local info = session.secure and socket and socket.info and socket:info();
	if info then
		attr.tls, attr.cipher = info.protocol, info.cipher;
	end
	return attr;
end

-- Session events wait for the gate however long it takes; when too many do, nobody else may come in.
local function before_bind(event)
	if window:is_full_of_patient() then
		event.error = answers.unavailable();
		return false;
	end
end

local function on_bind(event)
	senders:close_when_answered(event.session);
	submissions:note_event(event.session, "bind", transport(event.session));
end

local function on_hibernate(event)
	submissions:note_event(event.origin, "hibernate", { jid = event.origin.full_jid });
end

local function on_resume(event)
	senders:resume(event.resumed, event.origin);
	acknowledgements:resume(event.resumed);
	submissions:note_event(event.resumed, "resume", transport(event.resumed));
end

local function on_unbind(event)
	local session = event.session;
	submissions:note_event(session, "unbind", { jid = session.full_jid, reason = event.error and tostring(event.error) or nil });
	senders:leave_behind(session);
end

local function on_stream_end(event)
	senders:leave_behind(event.session);
end

-- The gate's stream -------------------------------------------------------------------------------------------------------

-- A crash of the gate leaves what it had not answered in the window: a new one is told of all of it again.
local function on_gate_connected(event)
	link:connect(event.session);
	module:log("info", "The gate is connected: submitting %d stanzas again", window.count);
	status:send();
	for entry in window:each() do link:submit(entry.xml); end
end

local function on_component_end(event)
	senders:leave_behind(event.session);
	if link:disconnect(event.session) then
		module:log("error", "The gate is disconnected: stanzas are held for %g s, then bounced", timeout_s);
	end
end

-- Hosts -------------------------------------------------------------------------------------------------------------------

function module.add_host(module) -- luacheck: ignore 431/module
	module:hook("pre-stanza", from_client, FIRST);
	for _, kind in ipairs { "message", "presence", "iq" } do
		for _, to in ipairs { "bare", "full", "host" } do
			module:hook(kind .. "/" .. to, from_elsewhere, FIRST);
		end
	end
	module:hook("message/full", to_departed, FIRST - 1);
	module:wrap_event("message/offline/broadcast", to_offline);
	module:hook("route/remote", to_remote, FIRST);

	module:hook("pre-resource-bind", before_bind, FIRST);
	module:hook("resource-bind", on_bind, FIRST);
	module:hook("smacks-hibernation-start", on_hibernate);
	module:hook("smacks-hibernation-end", on_resume);
	module:hook("resource-unbind", on_unbind, FIRST);
	for _, version in ipairs { "urn:xmpp:sm:2", "urn:xmpp:sm:3" } do
		local request = "stanza/" .. version .. ":r";
		module:hook(request, function (event)
			return acknowledgements:put_off(event, function () module:fire_event(request, event); end);
		end, FIRST);
	end
	module:hook("s2sin-destroyed", on_stream_end, FIRST);

	if module.host == gate then
		module:hook("component-authenticated", on_gate_connected);
	end
	module:hook("component-disconnected", on_component_end, FIRST);
end

module:hook_global("c2s-session-updated", function (event)
	senders:take_over_parser(event.session, event.from_session);
end);

-- No host is forgotten: a stanza that reaches a host without these hooks would not be recorded.
local function guard(host)
	if not modulemanager.is_loaded(host, "stanza_gate") then
		modulemanager.load(host, "stanza_gate");
	end
end
module:hook_global("host-activated", guard, -FIRST);
-- After mod_c2s has closed its ports, and before mod_smacks and mod_c2s close the sessions.
module:hook_global("server-stopping", function () stopping:drain(); end, -85);
-- After the sessions of clients are closed, and before mod_s2s closes those with other servers.
module:hook_global("server-stopping", function () stopping:drain_farewells(); end, -150);
module:hook_global("server-started", function ()
	for host in pairs(hosts) do guard(host); end
end, FIRST);

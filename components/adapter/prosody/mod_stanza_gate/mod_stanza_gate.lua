-- The Prosody adapter of the stanza gate: urn:steelyard:gate:0 (docs/gate-protocol.md).
--
-- Every stanza that a client, a federated server or a component hands to this server is held, submitted to the gate, and
-- carried out only when the gate's verdict says that it is recorded. There is no policy in the adapter.
--
-- This file has the hooks, by which the server calls the adapter. Each library beside it owns one thing, and says at
-- its beginning what that is. All of them are made once, below, and get there what they need from others.
--
-- Settings: stanza_gate (the gate's JID, an external component), stanza_gate_timeout (seconds), stanza_gate_window
-- (stanzas), stanza_gate_window_bytes, stanza_gate_session_window (stanzas), stanza_gate_stanza_bytes (of one),
-- stanza_gate_federated (domains).

module:set_global();

-- There is one adapter in the life of a server. The stanzas that it holds, and its hooks, outlive this module. If the
-- module is unloaded and loaded again, or reloaded, it finds them as they are, and this file has nothing more to do.
local running = prosody.stanza_gate;
if running then
	function module.add_host(module) running.hosts:attach(module.host); end -- luacheck: ignore 431/module
	-- One that was begun by an earlier version has none.
	if running.quicker then
		running.quicker:start();
		function module.unload() running.quicker:stop(); end
	end
	running.hosts:load_everywhere();
	return;
end

local filters = require "util.filters";
local jid_host = require "util.jid".host;

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

local quicker = module:require "quicker".new();
local nonzas = module:require "nonzas";
local borders = module:require "borders";
local wire = module:require "wire";
local window = module:require "window".new(max_stanzas, max_bytes);
local turns = module:require "turns".new { window = window };
local link = module:require "link".new(gate, timeout_s, function () turns:complete(); end);
local held_hosts = module:require "hosts".new(gate);
local status = module:require "status".new { wire = wire, window = window, link = link, hosts = held_hosts };
local receipts = module:require "receipts".new(gate);
local answers = module:require "answers".new { wire = wire, link = link };
local acknowledgements = module:require "acknowledgements".new(turns);
local unheard = module:require "unheard".new { status = status };
local unheard_errors = module:require "unheard_errors".new();
local shares = module:require "shares".new { link = link, max_made = max_per_session };
local carrying = module:require "carrying".new {
	window = window, shares = shares, status = status, answers = answers, unheard = unheard,
};
local quarantine = module:require "quarantine".new {
	wire = wire, window = window, link = link, status = status, answers = answers,
};
local senders = module:require "senders".new {
	window = window, shares = shares, carrying = carrying, max_per_session = max_per_session,
};
local passwords = module:require "passwords".new(wire.XMLNS);
local returned = module:require "returned".new { window = window };
local submissions = module:require "submissions".new {
	passwords = passwords, returned = returned,
	wire = wire, window = window, link = link, quarantine = quarantine, status = status, answers = answers, senders = senders,
	acknowledgements = acknowledgements, unheard_errors = unheard_errors, hosts = held_hosts,
	max_stanza_bytes = max_stanza_bytes,
};
local server_made = module:require "server_made".new { borders = borders, submissions = submissions };
local verdicts = module:require "verdicts".new {
	wire = wire, window = window, link = link, quarantine = quarantine, answers = answers, senders = senders,
	carrying = carrying, receipts = receipts, unheard_errors = unheard_errors,
};
local requests = module:require "requests".new {
	wire = wire, window = window, link = link, quarantine = quarantine, status = status,
	borders = borders, submissions = submissions, server_made = server_made, verdicts = verdicts,
};
local clock = module:require "clock".new {
	window = window, turns = turns, link = link, quarantine = quarantine, status = status, answers = answers,
	senders = senders, acknowledgements = acknowledgements, unheard_errors = unheard_errors, returned = returned,
	timeout_s = timeout_s,
};
clock:start();
module:require "signals".new():watch();
local stopping = module:require "stopping".new {
	window = window, turns = turns, link = link, status = status, senders = senders, clock = clock,
	unheard_errors = unheard_errors, timeout_s = timeout_s,
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
	if stanza.attr.type == "error" then carrying:note_error(stanza); end
	if type == "c2s" then
		return server_made:note_unsubmitted(origin, stanza);
	elseif type == "local" then
		return server_made:note_bounce(origin, stanza, origin.host);
	elseif carrying:take_released(stanza) then
		return nil;
	elseif type == "s2sin" or type == "s2sout" then
		-- The server's own error for a remote server that cannot be reached.
		if origin.dummy then
			unheard:give_back(jid_host(stanza.attr.from), stanza.attr.to, stanza.attr.from, stanza.attr.id);
			return server_made:note_bounce(origin, stanza, jid_host(stanza.attr.to));
		end
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

-- A room sends each message to all occupants, and removes those whom it cannot reach. It must not remove an ended
-- session before its last stanzas are carried out: the session leaves with its farewell.
local function to_departed(event)
	local attr = event.stanza.attr;
	if attr.type ~= "groupchat" or event.origin.type == "c2s" then return nil; end
	if senders:is_leaving(attr.to) then return true; end
end

-- What leaves this server: to federated sites only, and an external component's stanzas are held here as well.
local function to_remote(event)
	local origin, stanza = event.origin, event.stanza;
	if stanza.attr.type == "error" then carrying:note_error(stanza); end
	if origin and origin.host == gate and is_external_component(origin) and requests:is_to_adapter(stanza) then
		requests:take(origin, stanza); -- it answers a host that is gone meanwhile
		return true;
	elseif not federated:contains(event.to_host) and not borders.is_open() then
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
		carrying:note_stopped(stanza);
		return true;
	end
	carrying:note_sent(stanza, event.to_host);
	return nil;
end

-- A room keeps a message: others name it by the id that the room gave it (XEP-0359).
local function on_archived(event)
	local record, id = receipts:ids_in(event.stanza, event.room.jid);
	if record and id then status:add_archived(record, id); end
end

local function to_client(stanza, session)
	-- mod_bosh sends what it has already written once more, as text. It was filtered when it was a stanza.
	if not stanza.attr then return stanza; end
	local told = server_made:told(stanza, session);
	carrying:note_said(stanza, session, told);
	return told;
end

filters.add_filter_hook(function (session)
	if session.type == "c2s_unauthed" or session.type == "c2s" then
		filters.add_filter(session, "stanzas/out", to_client, FIRST);
	end
	filters.add_filter(session, "stanzas/out", turns.note, -FIRST);
	filters.add_filter(session, "stanzas/in", nonzas.filter, FIRST);
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

-- Session events wait for the gate without a time limit. If too many wait, nobody else may log in.
local function before_bind(event)
	if window:is_full_of_patient() or not held_hosts:is_held(event.session.host) then
		event.error = answers.unavailable();
		return false;
	end
end

local function on_bind(event)
	senders:close_when_answered(event.session);
	submissions:note_event(event.session, "bind", transport(event.session));
end

local function on_hibernate(event)
	unheard_errors:watch(event.origin);
	submissions:note_event(event.origin, "hibernate", { jid = event.origin.full_jid });
end

local function on_resume(event)
	event.resumed.resending_unacked = nil;
	senders:resume(event.resumed, event.origin);
	acknowledgements:resume(event.resumed);
	unheard_errors:resume(event.resumed);
	submissions:note_event(event.resumed, "resume", transport(event.resumed));
end

-- A session ends, and its client has not said that it heard this; nobody else has taken it. Or a stream to a server.
local function on_unheard(event)
	local session, attr = event.session, event.stanza.attr;
	unheard:give_back(session.direction and session.to_host or session, attr.from, attr.to, attr.id);
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

-- A crash of the gate leaves the unanswered entries in the window, and a new gate gets all of them again.
local function on_gate_connected(event)
	link:connect(event.session);
	quicker:take(event.session.conn);
	module:log("info", "The gate is connected: submitting %d stanzas again", window.count);
	turns:complete(); -- the last verdict was that of a stream which has ended since
	status:send();
	quarantine:begin();
end

local function on_component_end(event)
	senders:leave_behind(event.session);
	if link:disconnect(event.session) then
		quarantine:note_break();
		module:log("error", "The gate is disconnected: stanzas are held for %g s, then bounced", timeout_s);
	end
end

-- The gate's host, or its component's module, is there again; neither knows a stream that began before.
local function on_gate_renewed()
	if link.session then link:close("The gate's host was loaded again"); end
end

-- Hosts -------------------------------------------------------------------------------------------------------------------

local add = prosody.events.add_handler;
-- After mod_c2s has closed its ports, and before mod_smacks and mod_c2s close the sessions.
add("server-stopping", function () stopping:drain(); end, -85);
-- After the sessions of clients are closed, and before mod_s2s closes those with other servers.
add("server-stopping", function () stopping:drain_farewells(); end, -150);

add("c2s-session-updated", function (event)
	senders:take_over_parser(event.session, event.from_session);
	event.session.resending_unacked = true; -- as before Prosody 13, until it is resumed
end);

held_hosts:watch {
	from_client = from_client, from_elsewhere = from_elsewhere,
	to_departed = to_departed, to_offline = to_offline, to_remote = to_remote,
	on_archived = on_archived,
	before_bind = before_bind, on_bind = on_bind, on_unbind = on_unbind,
	on_hibernate = on_hibernate, on_resume = on_resume, on_unheard = on_unheard,
	on_asked = function (...) return acknowledgements:put_off(...); end,
	on_resumption_asked = function (...) return acknowledgements:put_off_resumption(...); end,
	on_handshake = nonzas.refuse_handshake,
	on_stream_end = on_stream_end, on_component_end = on_component_end,
	on_gate_connected = on_gate_connected, on_gate_renewed = on_gate_renewed,
};
function module.add_host(module) held_hosts:attach(module.host); end -- luacheck: ignore 431/module
held_hosts:load_everywhere();
held_hosts:end_earlier();
quicker:start();
function module.unload() quicker:stop(); end
prosody.stanza_gate = { hosts = held_hosts, quicker = quicker };

-- Takes what the gate sends: verdicts, noted statuses, borders, and requests (docs/gate-protocol.md, section 4).
--
-- Owns nothing: it passes each element to the part that it is for.

local jid = require "util.jid";
local st = require "util.stanza";

local full_sessions, hosts = prosody.full_sessions, prosody.hosts;
local jid_host, jid_split = jid.host, jid.split;

-- parts: wire, window, link, quarantine, status, borders, submissions, server_made, verdicts.
local requests_mt = module:require "methods"();

local function take_verdict(self, _, element)
	self.verdicts:take(element);
end

local function take_noted(self, _, element)
	self.status:forget(self.wire.read_noted(element));
	self.link:end_silence(); -- what it noted is on its disk: it records
end

local function take_borders(self, _, element)
	if not self.borders.take(element) then return; end
	module:log("info", "Borders are as the gate says now");
	self.server_made:part_those_online();
end

-- A canary goes the way of every message, from the gate to the gate: held, submitted, recorded, released and routed.
local function send_canary(self, origin, element)
	local gate, id = self.link.gate, element.attr.id;
	local message = st.message({ from = gate, to = gate, type = "headline", id = id })
		:tag("canary", { xmlns = self.wire.XMLNS, id = id }):up();
	self.submissions:hold(origin, message, self.link:own_domain(), "canary");
end

-- It closes its stream for this submission.
local function take_unread(self, _, element)
	self.quarantine:note_unread(self.wire.read_unread(element));
end

-- Occupants ---------------------------------------------------------------------------------------------------------------

local function find_room(room_jid)
	local host = hosts[jid_host(room_jid)];
	local muc = host and host.modules and host.modules.muc;
	return muc and muc.get_room_from_jid and muc.get_room_from_jid(room_jid), host;
end

-- The full JIDs of occupants who are about to leave: the gate may already have the presence that says so.
local function find_leaving(window)
	local leaving = {};
	for entry in window:each() do
		local stanza = entry.stanza;
		if stanza and stanza.name == "presence" and stanza.attr.type == "unavailable" then leaving[stanza.attr.from] = true; end
	end
	return leaving;
end

-- Tell the gate who is in a room of this server, as the room told them when they came in (section 4.6).
local function note_occupants(self, _, element)
	local room, host = find_room(element.attr.room);
	if not room then return; end
	local leaving = find_leaving(self.window);
	for nick, occupant in room:each_occupant() do
		for full_jid in occupant:each_session() do
			local session = full_sessions[full_jid];
			if not leaving[full_jid] and (session or not hosts[jid_host(full_jid)]) then
				if session and session.hibernating then
					self.submissions:note_event(session, "hibernate", { jid = full_jid });
				end
				self.server_made:note_occupant_again(host, nick, full_jid);
			end
		end
	end
end

-- Injections --------------------------------------------------------------------------------------------------------------

-- Somebody whose message is carried out while no session of theirs with that address is there: what the modules ask a
-- session for. What the server answers, nobody hears.
local function stand_in(username, host, resource)
	local session = {
		type = "c2s", username = username, host = host, resource = resource, log = module._log,
		full_jid = username .. "@" .. host .. (resource and "/" .. resource or ""), destroyed = true,
	};
	function session.send() return true; end
	session.rawsend = session.send;
	return session;
end

-- A stanza that the gate asks for, its own or that of a sender whose message it had kept, is held, numbered and
-- submitted like everything else, and carried out as if it were sent now (section 4.7).
local function inject(self, origin, element)
	local stanza, id = self.wire.read_forwarded(element), element.attr.id;
	if not id or not stanza or not stanza.attr.from or not stanza.attr.to then
		module:log("error", "A stanza to inject was not understood: %s", element:top_tag());
		return;
	end
	stanza = self.wire.without_client_namespace(stanza);
	local from = stanza.attr.from;
	local username, host, resource = jid_split(from);
	if username and hosts[host] and hosts[host].type == "local" then
		-- Nobody is present without a session; the gate also learns of a session's end.
		if stanza.name == "presence" and not full_sessions[from] then return; end
		local speaker = full_sessions[from] or stand_in(username, host, resource);
		self.submissions:inject(speaker, stanza, "client", id);
	else
		self.submissions:inject(origin, stanza, nil, id);
	end
end

-- { what does it, the attribute that it needs }
local ELEMENTS = {
	verdict = { take_verdict }, noted = { take_noted }, unread = { take_unread }, borders = { take_borders },
	occupants = { note_occupants, "room" }, canary = { send_canary, "id" }, inject = { inject },
};

-- Whether a stanza from the gate's own stream is for the adapter.
function requests_mt:is_to_adapter(stanza)
	local element = stanza.tags[1];
	return stanza.name == "message" and element and element.attr.xmlns == self.wire.XMLNS;
end

-- Take a stanza from the gate's own stream. There is one at a time; whatever else has the gate's name is not the gate.
function requests_mt:take(origin, stanza)
	if origin ~= self.link.session then
		module:log("error", "Somebody else speaks as the gate: %s", stanza:top_tag());
		return;
	end
	local element = stanza.tags[1];
	if self:is_to_adapter(stanza) then
		local known = ELEMENTS[element.name];
		if known and (not known[2] or element.attr[known[2]]) then
			return known[1](self, origin, element);
		end
	end
	if stanza.attr.type ~= "error" then
		module:log("warn", "The gate sent something that is no verdict: %s", stanza:top_tag());
	end
end

return { new = requests_mt.new };

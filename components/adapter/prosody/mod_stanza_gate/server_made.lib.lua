-- Stanzas that the server makes itself, and where they stop (docs/gate-protocol.md, section 4.5).
--
-- They are submitted and not held, because held stanzas would come too late to be right. A border stops them. Owns
-- which presences are submitted already, the good-bye that is just said over a new border, and whom the server is
-- giving what waited offline. Touches no session, but to tell it that somebody has gone.

local st = require "util.stanza";

local bare_sessions, hosts = prosody.bare_sessions, prosody.hosts;
local pairs = pairs;

local XMLNS_CLIENT = "jabber:client";
local XMLNS_FORWARD = "urn:xmpp:forward:0";
local XMLNS_MAM = "urn:xmpp:mam:2";
local XMLNS_MUC_USER = "http://jabber.org/protocol/muc#user";

local server_made_mt = module:require "methods"();

-- parts: borders, submissions.
local function new(parts)
	-- A presence that its session's "pre-stanza" has seen.
	parts.submitted = setmetatable({}, { __mode = "k" });
	parts.farewell, parts.delivering_offline = nil, nil;
	return server_made_mt.new(parts);
end

-- What a room tells an occupant of themselves: that they are in or out (XEP-0045, 7.2.2 and 7.14).
local function is_of_recipient(stanza)
	local x = stanza.name == "presence" and stanza:get_child("x", XMLNS_MUC_USER);
	return x and x:get_child_with_attr("status", nil, "code", "110");
end

-- Whether this is the good-bye that is just said over a new border. Sessions may be told a copy (mod_bosh).
local function is_farewell(self, attr)
	local farewell = self.farewell and self.farewell.attr;
	return farewell and attr.type == farewell.type and attr.from == farewell.from and attr.to == farewell.to;
end

-- Made in somebody's name -------------------------------------------------------------------------------------------------

-- Whether a stanza of the server may not go to its recipient. Errors and answers go back to the requester.
function server_made_mt:is_stopped(stanza)
	local attr = stanza.attr;
	if not attr.from or not attr.to or attr.type == "error" or attr.type == "result" then return false; end
	-- A room's last word to somebody is of nobody but them.
	if attr.type == "unavailable" and is_of_recipient(stanza) then return false; end
	if is_farewell(self, attr) then return false; end
	return (self.borders.between(attr.from, attr.to));
end

-- Submit it; return true if it is stopped and goes nowhere, else nil: it goes on.
function server_made_mt:note(origin, stanza, host)
	local stopped = self:is_stopped(stanza);
	self.submissions:note(origin, stanza, host, stopped);
	return stopped or nil;
end

-- "pre-stanza" has seen what a session says: it is submitted, or was before it was carried out.
function server_made_mt:mark_submitted(stanza)
	self.submitted[stanza] = stanza.name == "presence" or nil;
end

-- A roster removal's `unsubscribed` goes out without "pre-stanza".
function server_made_mt:note_unsubmitted(origin, stanza)
	if stanza.name == "presence" and not self.submitted[stanza] then return self:note(origin, stanza, origin.host); end
end

-- An error that the server makes of itself, long after it took what somebody said: a session that could be resumed was not,
-- a server could not be reached.
function server_made_mt:note_bounce(origin, stanza, host)
	if stanza.attr.type == "error" then return self:note(origin, stanza, host); end
end

-- Only the room knows whether a join succeeded.
function server_made_mt:note_occupant(origin, stanza)
	if origin == hosts[origin.host] and is_of_recipient(stanza) then return self:note(origin, stanza, origin.host); end
end

-- Say again what the room told this occupant when they came in.
function server_made_mt:note_occupant_again(host, nick, full_jid)
	local presence = st.presence({ from = nick, to = full_jid })
		:tag("x", { xmlns = XMLNS_MUC_USER }):tag("status", { code = "110" }):reset();
	self:note(host, presence, host.host);
end

-- New borders -------------------------------------------------------------------------------------------------------------

-- Between whom there is a border now, those who saw each other online see each other go: nothing more will be told them,
-- and without a word the other would seem to be there for ever.
local function part(self, one, other)
	for _, session in pairs(bare_sessions[one].sessions) do
		for _, contact in pairs(session.presence and bare_sessions[other].sessions or {}) do
			local item = contact.presence and contact.roster and contact.roster[one];
			if item and (item.subscription == "both" or item.subscription == "to") then
				local farewell = st.presence { type = "unavailable", from = session.full_jid, to = contact.full_jid };
				self.farewell = farewell;
				self:note(session, farewell, session.host);
				contact.send(farewell);
				self.farewell = nil;
			end
		end
	end
end

-- There is a new table of borders.
function server_made_mt:part_those_online()
	self.borders.each_parted(bare_sessions, function (one, other) part(self, one, other); end);
end

-- What a client is told ---------------------------------------------------------------------------------------------------

-- Whether a message out of one's own archive was said over what is a border now.
local function is_over_border(borders, stanza, own)
	local result = stanza:get_child("result", XMLNS_MAM);
	local forwarded = result and result:get_child("forwarded", XMLNS_FORWARD);
	local message = forwarded and forwarded:get_child("message", XMLNS_CLIENT);
	if not message or not message.attr.from then return false; end
	local stopped, listed = borders.between(message.attr.from, own);
	if not stopped and message.attr.to then stopped, listed = borders.between(own, message.attr.to); end
	return stopped and listed;
end

-- A filter of what is about to be told a client: return it, or nil. Whatever way it came, out of a room, a node, an
-- archive or from what waited offline: nothing that a border is in the way of. What somebody said while they were on the
-- line stays said after they left it.
function server_made_mt:told(stanza, session)
	local name, attr = stanza.name, stanza.attr;
	local type = attr.type;
	if not session.username or type == "error" or type == "result" then return stanza; end
	-- It was told once already, and said before there was a border (XEP-0198, 5).
	if session.resending_unacked then return stanza; end
	local full = session.full_jid;
	local own = full and self.borders.bare(full) or session.username .. "@" .. session.host;
	local from = attr.from or own; -- the account itself
	local stopped, listed = self.borders.between(from, own);
	if not stopped then
		if name == "message" and from == own and is_over_border(self.borders, stanza, own) then return nil; end
		return stanza;
	elseif not listed and name == "message" and self.delivering_offline == own then
		return stanza;
	end
	if is_farewell(self, attr) or type == "unavailable" and is_of_recipient(stanza) then return stanza; end
	module:log("debug", "Not told %s of %s: a border is in the way", own, from);
	return nil;
end

-- While `deliver` runs, the server gives this account what waited for it offline. Return what `deliver` returns.
function server_made_mt:deliver_offline(own, deliver)
	self.delivering_offline = own;
	local result = deliver();
	self.delivering_offline = nil;
	return result;
end

return { new = new };

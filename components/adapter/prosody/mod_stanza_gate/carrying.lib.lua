-- Carrying out: a released stanza goes back to the server with its own session and in its sender's own coroutine.
--
-- Owns which stanza is just being handed back, and which entry each coroutine carries out. Of an entry it sets `to`,
-- `hush` and what becomes of it: `refused`, the server answered it with an error; `stopped`, a border was in the way; `told`,
-- a client was told. Of a sender it sets `current`, and `began_s` when that begins. Settles in the window; names in the
-- status what was not carried out.
--
-- An entry's `as` says how: `client`, as what a client says, through the server's `pre-` events; `routed`, to another
-- server; else as what comes from elsewhere.

local async = require "util.async";
local jid = require "util.jid";
local now = require "util.time".monotonic;
local jid_host, jid_node = jid.host, jid.node;

local core_post_stanza, core_route_stanza = prosody.core_post_stanza, prosody.core_route_stanza;
local full_sessions, hosts = prosody.full_sessions, prosody.hosts;
local running = coroutine.running;

local carrying_mt = module:require "methods"();

-- parts: window, shares, status, answers, unheard.
local function new(parts)
	parts.released = nil;
	parts.entries = setmetatable({}, { __mode = "k" });
	return carrying_mt.new(parts);
end

-- It was not carried out, so the log will not say that it was.
local function settle_undone(self, entry)
	self.status:add_bounced(entry);
	self.window:settle(entry);
end

-- What could not be carried out after all: its sender learns it, and the log will not say that it was. Of what the gate
-- wanted said, the gate alone learns it; and whether that was the server's own answer. `reason` is one of answers.lib.lua.
function carrying_mt:give_back(entry, reason)
	settle_undone(self, entry);
	if not entry.injected then
		self.answers:bounce(entry.sender.origin, entry.stanza, reason or "failed");
	end
end

-- What becomes of it ------------------------------------------------------------------------------------------------------

-- The server sends an error. While it carries out a stanza of the recipient of this error, the error is its answer.
function carrying_mt:note_error(reply)
	local entry = self.entries[running()];
	if not entry or entry.injected then return; end
	local stanza, attr = entry.stanza, reply.attr;
	-- Of a presence for everybody, each is told alone.
	if not entry.to and stanza.name == "presence" then return; end
	if reply ~= stanza and attr.id == stanza.attr.id and attr.to == entry.from then entry.refused = true; end
end

-- Whether this is what the entry says to whom it is addressed, be it in a copy, as mod_mam makes one. What a room tells each
-- who is in it is not addressed to them.
local function is_said_in(entry, stanza)
	local attr = stanza.attr;
	return attr.to == entry.to and attr.from == entry.from and stanza.name == entry.stanza.name
		and attr.id == entry.stanza.attr.id and attr.type == entry.stanza.attr.type;
end

-- A border stops this on its way to another server.
function carrying_mt:note_stopped(stanza)
	local entry = self.entries[running()];
	if entry and is_said_in(entry, stanza) then entry.stopped = true; end
end

-- A client gets this, unless a border stops it.
function carrying_mt:note_said(stanza, session, is_told)
	local entry = self.entries[running()];
	if not entry then return; end
	if stanza.attr.type == "error" then self:note_error(stanza); end
	if not is_said_in(entry, stanza) then return; end
	if is_told then
		entry.told = true;
		if session.smacks then self.unheard:note(session, entry); end
	else
		entry.stopped = true;
	end
end

-- Another server is sent this.
function carrying_mt:note_sent(stanza, domain)
	local entry = self.entries[running()];
	if entry and is_said_in(entry, stanza) then self.unheard:note(domain, entry); end
end

-- While a message that the gate wanted said is carried out, an error that the server answers it with is for the gate. (Of a
-- join that had to wait, the client waits for the answer.) To a component it goes as well. Return what ends that.
local function hear_errors(entry)
	local origin, id = entry.sender.origin, entry.stanza.attr.id;
	local send, listening = origin.send, true;
	local function hear(reply, ...)
		if listening and reply.attr and reply.attr.type == "error" and reply.attr.id == id then
			entry.refused = true;
			if entry.injected then return true; end
		end
		return send(reply, ...);
	end
	origin.send = hear;
	return function ()
		listening = false;
		if origin.send == hear then origin.send = send; end
	end
end

-- Whether this is for one session alone, which is there: then that is told it, or nobody is.
local function is_for_session(stanza)
	local type = stanza.attr.type;
	return stanza.name == "message" and (not type or type == "chat" or type == "normal") and full_sessions[stanza.attr.to];
end

-- Whether this is for those who are there now alone: a server keeps no headline (RFC 6121, 8.5.2.2.1).
local function is_for_now(stanza)
	if stanza.name ~= "message" or stanza.attr.type ~= "headline" then return false; end
	local to = stanza.attr.to;
	local host = to and jid_node(to) and hosts[jid_host(to)];
	return not to or host and host.type == "local";
end

-- Whether the host that would handle it was deactivated while it was held.
local function is_homeless(entry)
	local origin = entry.sender.origin;
	if entry.as == "client" then return not hosts[origin.host]; end
	return (origin.type == "s2sin" or origin.type == "s2sout") and not hosts[jid_host(entry.stanza.attr.to)];
end

local function hand_back(self, entry)
	local origin, stanza = entry.sender.origin, entry.stanza;
	entry.from, entry.to = stanza.attr.from, stanza.attr.to;
	self.released = stanza;
	local is_heard = entry.injected and stanza.name == "message" or not entry.injected and origin.type == "component";
	entry.hush = is_heard and hear_errors(entry);
	if entry.as == "routed" then
		core_route_stanza(origin, stanza);
	else
		core_post_stanza(origin, stanza, entry.as == "client");
	end
	if entry.hush then entry.hush(); end
end

local function carry_out(self, entry)
	local sender, thread = entry.sender, running();
	sender.current = entry;
	if is_homeless(entry) then return self:give_back(entry); end
	local is_missed = is_for_session(entry.stanza) or is_for_now(entry.stanza);
	self.entries[thread] = entry;
	hand_back(self, entry);
	self.entries[thread] = nil;
	if entry.refused then
		settle_undone(self, entry); -- its sender has the server's own answer
	elseif entry.stopped then
		self:give_back(entry, "border");
	elseif is_missed and not entry.told then
		-- Nobody has it, and nobody is told: a recipient who has blocked the sender (XEP-0191), or who is not there.
		entry.refused = true;
		settle_undone(self, entry);
	else
		self.window:settle(entry);
	end
end

local function fail(self, entry, err)
	module:log("error", "Carrying out stanza %d failed: %s", entry.seq, err);
	self.released = nil;
	if entry.hush then entry.hush(); end
	self:give_back(entry);
	self.shares:charge(entry.sender.share, entry.sender.began_s);
end

-- A sender's own coroutine: PEP, pubsub and MAM may wait in it, and no other sender waits for them. So does what is more
-- than its share.
function carrying_mt:new_runner(sender, on_ready)
	return async.runner(function (entry)
		self.shares:wait_for(sender.share);
		sender.began_s = now();
		carry_out(self, entry);
		self.shares:charge(sender.share, sender.began_s);
	end, {
		error = function (_, err) fail(self, sender.current, err); end;
		waiting = function () end;
		ready = on_ready;
	}, sender);
end

-- Whether this is the stanza that is being handed back now: it goes on, and if it comes again it is another one.
function carrying_mt:take_released(stanza)
	if stanza ~= self.released then return false; end
	self.released = nil;
	return true;
end

-- Whether what the server sends now is a consequence of a stanza that is being carried out.
function carrying_mt:is_under_way()
	return self.entries[running()];
end

return { new = new };

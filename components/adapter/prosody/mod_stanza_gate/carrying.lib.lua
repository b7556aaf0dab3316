-- Carrying out: a released stanza goes back to the server with its own session and in its sender's own coroutine.
--
-- Owns which stanza is just being handed back, and which coroutines carry one out. Of an entry it sets `refused` and
-- `hush`, of a sender `current`. Settles in the window; names in the status what failed.
--
-- An entry's `as` says how: `client`, as what a client says, through the server's `pre-` events; `routed`, to another
-- server; else as what comes from elsewhere.

local async = require "util.async";

local core_post_stanza, core_route_stanza = prosody.core_post_stanza, prosody.core_route_stanza;
local running = coroutine.running;

local carrying_mt = {};
carrying_mt.__index = carrying_mt;

-- parts: window, status, answers.
local function new(parts)
	parts.released = nil;
	parts.threads = setmetatable({}, { __mode = "k" });
	return setmetatable(parts, carrying_mt);
end

-- What could not be carried out after all: its sender learns it, and the log will not say that it was. Of what the gate
-- wanted said, the gate alone learns it; and whether that was the server's own answer. `reason` is one of answers.lib.lua.
function carrying_mt:give_back(entry, reason)
	self.status:add_bounced(entry);
	self.window:settle(entry);
	if not entry.injected then
		self.answers:bounce(entry.sender.origin, entry.stanza, reason or "failed");
	end
end

-- While a message that the gate wanted said is carried out, an error that the server answers it with is for the gate.
-- Return what ends that. (Of a join that had to wait, the client waits for the answer.)
local function hear_errors(entry)
	local origin, id = entry.sender.origin, entry.stanza.attr.id;
	local send, listening = origin.send, true;
	local function hear(reply, ...)
		if listening and reply.attr and reply.attr.type == "error" and reply.attr.id == id then
			entry.refused = true;
			return true;
		end
		return send(reply, ...);
	end
	origin.send = hear;
	return function ()
		listening = false;
		if origin.send == hear then origin.send = send; end
	end
end

local function carry_out(self, entry)
	local sender, thread = entry.sender, running();
	sender.current = entry;
	self.threads[thread] = true;
	self.released = entry.stanza;
	entry.hush = entry.injected and entry.stanza.name == "message" and hear_errors(entry);
	if entry.as == "routed" then
		core_route_stanza(sender.origin, entry.stanza);
	else
		core_post_stanza(sender.origin, entry.stanza, entry.as == "client");
	end
	self.threads[thread] = nil;
	if entry.hush then entry.hush(); end
	if entry.refused then
		return self:give_back(entry);
	end
	self.window:settle(entry);
end

local function fail(self, entry, err)
	module:log("error", "Carrying out stanza %d failed: %s", entry.seq, err);
	self.released = nil;
	if entry.hush then entry.hush(); end
	self:give_back(entry);
end

-- A sender's own coroutine: PEP, pubsub and MAM may wait in it, and no other sender waits for them.
function carrying_mt:new_runner(sender, on_ready)
	return async.runner(function (entry) carry_out(self, entry); end, {
		error = function (_, err) fail(self, sender.current, err); end;
		waiting = function () end;
		ready = on_ready;
	}, sender);
end

-- Whether this is the stanza that is just being handed back: it goes on, and when it comes again it is another one.
function carrying_mt:take_released(stanza)
	if stanza ~= self.released then return false; end
	self.released = nil;
	return true;
end

-- Whether what is said just now is a consequence of a stanza that is carried out.
function carrying_mt:is_under_way()
	return self.threads[running()];
end

return { new = new };

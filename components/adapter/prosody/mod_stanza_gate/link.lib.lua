-- The link to the gate: its component's stream (XEP-0114), and whether the gate is silent.
--
-- Owns the gate's stream while it is connected, what is about to be written to it, and since when the gate is silent.
-- Touches that stream's connection only.

local now = require "util.time".monotonic;
local timer = require "util.timer";

local concat = table.concat;
local hosts = prosody.hosts;

-- Submissions go out in packs: a write costs more than a submission, and a gate that gets a pack early decides on it
-- while the next one is still being read here.
local PACK = 32;
-- A gate that is connected and silent for so many timeouts would keep its successor out.
local TIMEOUTS_UNTIL_STUCK = 4;

local link_mt = module:require "methods"();

-- `on_turn` is called at the beginning of each turn of the server's loop that follows a submission.
local function new(gate, timeout_s, on_turn)
	local self = link_mt.new {
		gate = gate, timeout_s = timeout_s, stuck_after_s = TIMEOUTS_UNTIL_STUCK * timeout_s,
		session = nil, conn = nil, connected_at = nil,
		-- Why the server has ended the stream, where it was the server.
		closed_for = nil,
		-- There is no gate, or an entry timed out: after the timeout everything is bounced on arrival.
		silent_since = now(),
		-- The server stops, so nothing is held any more.
		is_stopped = false,
		outbox = {}, outbox_count = 0,
	};
	self.flush_soon = function ()
		on_turn();
		self:flush();
	end;
	return self;
end

-- The address from which this server itself sends: any of its user domains.
function link_mt:own_domain()
	for host, host_session in pairs(hosts) do
		if host_session.type == "local" then return host; end
	end
	return self.gate;
end

function link_mt:flush()
	local outbox, count = self.outbox, self.outbox_count;
	if count == 0 then return; end
	local conn = self.conn;
	if conn then
		conn:write(concat(outbox, "", 1, count));
		-- Prosody writes at the next poll of the socket, after it has read everything that can be read now.
		if conn.onwritable and conn._writable then conn:onwritable(); end
	end
	for i = 1, count do outbox[i] = nil; end
	self.outbox_count = 0;
end

-- Send it to the gate, if that is connected.
function link_mt:submit(xml)
	if not self.session then return; end
	local count = self.outbox_count + 1;
	if count == 1 then timer.add_task(0, self.flush_soon); end
	self.outbox[count], self.outbox_count = xml, count;
	if count == PACK then self:flush(); end
end

function link_mt:connect(session)
	session.conn:setoption("tcp-nodelay", true);
	self.session, self.conn, self.connected_at = session, session.conn, now();
	self.closed_for = nil;
	local close = session.close;
	function session.close(this, reason)
		self.closed_for = reason;
		close(this, reason);
	end
end

-- Return whether the stream that has ended was the gate's.
function link_mt:disconnect(session)
	if self.session ~= session then return false; end
	self.session, self.conn = nil, nil;
	self.outbox_count = 0; -- what is still held is submitted to the next one
	self:fall_silent(now());
	return true;
end

-- End the gate's stream. It counts as connected until the server says that it is not.
function link_mt:close(text)
	self.session:close{ condition = "connection-timeout", text = text };
end

function link_mt:fall_silent(since)
	self.silent_since = self.silent_since or since;
end

-- The gate has sent something.
function link_mt:end_silence()
	self.silent_since = nil;
end

-- Whether the gate has been silent for so long that nothing is held any more.
function link_mt:is_silent()
	return self.is_stopped or self.silent_since and now() - self.silent_since >= self.timeout_s;
end

-- The server stops: from now on nothing is held.
function link_mt:stop()
	self.is_stopped = true;
end

-- Whether it has been silent for so long although it is connected.
function link_mt:is_stuck()
	local since = self.silent_since;
	return self.session and since and now() - math.max(since, self.connected_at) > self.stuck_after_s;
end

return { new = new };

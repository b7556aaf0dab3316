-- Turns of the server's loop: what is carried out in one is written before anybody is told that it was.
--
-- Owns the connections to which something was said in this turn. Prosody writes to them when its loop comes to them, which
-- is before or after the timers of the turn, by its version. A count of what is done (docs/gate-protocol.md, 4.3) or
-- handled (5.7) that is written first would be true of what a crash takes.

local pairs = pairs;

-- parts: window.
local turns_mt = module:require "methods"();

local function new(parts)
	parts.unwritten = {};
	-- A filter of what is said to a session.
	parts.note = function (stanza, session)
		if session.conn then parts.unwritten[session.conn] = true; end
		return stanza;
	end;
	return turns_mt.new(parts);
end

-- What the connection takes now. What it does not take waits in the server, with or without a gate.
local function write(conn)
	local buffer = conn.writebuffer;
	if buffer and #buffer > 0 and conn._writable and not conn._write_lock then conn:onwritable(); end
end

-- Call this in a timer: nothing is being carried out then.
function turns_mt:complete()
	local unwritten = self.unwritten;
	self.unwritten = {};
	for conn in pairs(unwritten) do write(conn); end
	self.window:note_turn();
end

return { new = new };

-- Senders: a session, what it has in the window, and the runner in which its stanzas are carried out.
--
-- Owns a sender for each session, which of them are paused, and those whose session has ended. Touches of a session its
-- connection (reading from it stops and goes on) and its `close`; has the shares go on.
--
-- A sender is { origin, id, runner, heads, close_stream, share } and, kept by the window, { held, held_bytes, unanswered,
-- farewell }: the heads of its submissions; how to close its stream when all is answered; what its person or site has by all
-- streams (shares.lib.lua); how much of the sender is in the window, in stanzas and bytes, and how much of that it expects an
-- answer to; the good-bye that it has said.

local full_sessions = prosody.full_sessions;
local timer = require "util.timer";

local ipairs, next, pairs = ipairs, next, pairs;

local ID_PREFIXES = { c2s = "c", s2sin = "s", s2sout = "s", component = "x" };

local new_methods = module:require "methods";
local sender_mt, senders_mt = new_methods(), new_methods();

-- Others wait while the gate looks at what one person has said, for some milliseconds for each kilobyte at the worst. So
-- there is no more of it in the window than keeps the gate busy.
local HIGH_BYTES = 64 * 1024;

-- A connection that is read again has been read by then.
local NEXT_TURN_S = 1e-3;

-- All is said in the name of an ended session by then. The server's timers know it for longer, five minutes from its
-- beginning (mod_c2s) and ten from when it was last cut off (mod_smacks): so long all that it had would be there.
local FORGOTTEN_AFTER_S = 5;

-- parts: window, shares, carrying, max_per_session.
local function new(parts)
	parts.by_session = setmetatable({}, { __mode = "k" });
	parts.count = 0;
	-- Those that we stopped reading from, and the connection of each then: with BOSH every request may have another.
	parts.paused = {};
	-- Those with a share among them, the longest paused first.
	parts.paused_streams = {};
	parts.has_next_turn = false;
	parts.is_stopping = false;
	-- By full JID, whose session has ended.
	parts.departed = setmetatable({}, { __mode = "v" });
	return senders_mt.new(parts);
end

local function add(self, origin)
	self.count = self.count + 1;
	local sender = sender_mt.new {
		origin = origin, share = self.shares:of(origin), id = (ID_PREFIXES[origin.type] or "h") .. self.count, heads = {},
		held = 0, held_bytes = 0, unanswered = 0,
	};
	sender.runner = self.carrying:new_runner(sender, function ()
		sender:close_if_answered();
		if self.paused[sender] then self:resume_paused(); end
	end);
	self.by_session[origin] = sender;
	if sender.share and not origin.destroyed then table.insert(sender.share.senders, sender); end
	return sender;
end

-- The sender of a session, new if need be.
function senders_mt:of(origin)
	return self.by_session[origin] or add(self, origin);
end

-- Ends --------------------------------------------------------------------------------------------------------------------

local function leave_share(sender)
	local senders = sender.share and sender.share.senders or {};
	for i, each in ipairs(senders) do
		if each == sender then return table.remove(senders, i); end
	end
end

-- The fields of a session that ends with stanzas in the window, so that these are carried out as if it were still
-- there. Prosody empties the session itself.
function senders_mt:leave_behind(session)
	local sender = self.by_session[session];
	if not sender then return; end
	local remains = {};
	for key, value in pairs(session) do remains[key] = value; end
	remains.destroyed, remains.conn = true, nil;
	if session.full_jid then
		remains.rawsend = function () return false; end;
		function remains.send(stanza)
			if stanza.attr and stanza.attr.type == "error" then self.carrying:note_error(stanza); end
			return false;
		end
		self.departed[session.full_jid] = sender;
	end
	sender.origin = remains;
	leave_share(sender);
	if session.bosh_wait then -- its connection may go on, and be others' as well
		self:read_on(sender);
	end
	self.paused[sender] = nil;
	timer.add_task(FORGOTTEN_AFTER_S, function () self.by_session[session] = nil; end);
end

-- Whether the session of this address has ended, and some of its stanzas are not carried out yet.
function senders_mt:is_leaving(full_jid)
	local sender = self.departed[full_jid];
	return sender and not full_sessions[full_jid] and (sender.held > 0 or sender.runner.state ~= "ready");
end

-- A client may send its last stanzas and close the stream in one write. Their answers come after the gate's verdict.
-- So a stream that the client closes stays open while any of its stanzas are held.
function senders_mt:close_when_answered(session)
	local close = session.close;
	function session.close(this, reason)
		local sender = self.by_session[session];
		if reason == false and sender and sender.unanswered > 0 then
			sender.close_stream = close;
		else
			close(this, reason);
		end
	end
end

function sender_mt:close_if_answered()
	local close = self.close_stream;
	if close and self.unanswered == 0 and self.runner.state == "ready" then
		self.close_stream = nil;
		if not self.origin.destroyed then close(self.origin, false); end
	end
end

-- The server leaves the old connection's parser in place, which still waits for the rest of the stanza that the connection
-- broke off in. The new connection's own goes on.
function senders_mt:take_over_parser(session, origin) -- luacheck: ignore 212/self
	session.data = origin.data;
end

-- A session goes on over the connection that `origin` came with (XEP-0198).
function senders_mt:resume(session, origin)
	local sender = self.by_session[session];
	if sender then self.paused[sender] = nil; end -- that was the old connection
	-- Prosody 13 has emptied `origin` by now; before it did, "c2s-session-updated" was fired.
	if not origin.destroyed then self:take_over_parser(session, origin); end
	-- What its parser complains of, it complains of to `origin`.
	function origin.close(_, ...) return session:close(...); end
	self:close_when_answered(session);
end

-- Pauses ------------------------------------------------------------------------------------------------------------------

local function pause(self, sender)
	local conn = sender.origin.conn;
	if conn and conn.pause and not self.paused[sender] then
		self.paused[sender] = conn;
		if sender.share then table.insert(self.paused_streams, sender); end
		conn:pausefor(false); -- of read_on() just now: it would read on
		conn:pause();
	end
end

-- Read no further from a sender that has much in the window, or has to wait until it is carried out, or when everybody has
-- much. Nor from others with its share, which would each have read a stanza by then. They go on with resume_paused().
function senders_mt:pause_if_high(sender)
	local share = sender.share or sender;
	local is_high = share.held >= self.max_per_session or share.held_bytes >= HIGH_BYTES or sender.runner.state == "waiting";
	if not is_high and not self.window:is_high() then return; end
	pause(self, sender);
	for _, other in ipairs(is_high and share.senders or {}) do pause(self, other); end
end

-- The server stops: from now on paused senders stay paused.
function senders_mt:stop_resuming()
	self.is_stopping = true;
	self.shares:open();
end

function senders_mt:read_on(sender)
	local conn = self.paused[sender];
	self.paused[sender] = nil;
	if conn and conn.resume then
		conn:resume();
		-- TLS may hold data already that no socket event will announce.
		conn:pausefor(0);
	end
end

local function may_go_on(self, sender)
	local share = sender.share or sender;
	return sender.runner.state ~= "waiting" and share.held <= self.max_per_session / 2 and share.held_bytes <= HIGH_BYTES / 2;
end

-- Of those of one share one goes on at a time: what all of them have sent meanwhile would be many times the share. The next
-- one has its turn when that is read, also if it was nothing.
local function resume_streams(self)
	local streams, gone_on = self.paused_streams, {};
	self.paused_streams = {};
	for _, sender in ipairs(streams) do
		if self.paused[sender] and not gone_on[sender.share] and may_go_on(self, sender) then
			gone_on[sender.share] = true;
			self:read_on(sender);
		elseif self.paused[sender] then
			table.insert(self.paused_streams, sender);
		end
	end
	if next(gone_on) and self.paused_streams[1] and not self.has_next_turn then
		self.has_next_turn = true;
		timer.add_task(NEXT_TURN_S, function ()
			self.has_next_turn = false;
			self:resume_paused();
		end);
	end
end

-- Called whenever there may be less in the window.
function senders_mt:resume_paused()
	self.shares:go_on();
	if self.is_stopping or not self.window:is_low() then return; end
	if self.paused_streams[1] then resume_streams(self); end
	for sender in pairs(self.paused) do
		if not sender.share and may_go_on(self, sender) then self:read_on(sender); end
	end
end

return { new = new };

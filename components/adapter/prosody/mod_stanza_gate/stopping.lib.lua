-- An orderly stop of the server (docs/gate-protocol.md, section 5.8): held stanzas are carried out, or returned.
--
-- Owns nothing. Stops reading from everybody, waits for the window, and has the clock bounce what is left.

local async = require "util.async";
local now = require "util.time".monotonic;
local timer = require "util.timer";

local full_sessions, hosts = prosody.full_sessions, prosody.hosts;
local incoming_s2s = prosody.incoming_s2s;
local pairs = pairs;

local LOOK_EVERY_S = 0.02;
-- Beyond the time limit of what is held: for what is being carried out.
local GRACE_S = 1;
-- For what the server says in the name of the sessions that it ends, in stopping.
local FAREWELLS_S = 1;

-- parts: window, turns, link, status, senders, clock, unheard_errors, timeout_s.
local stopping_mt = module:require "methods"();

-- Wait until this is so, at most for this time. If the server cannot wait, do not wait.
local function wait_until(is_so, limit_s)
	if is_so() or not async.ready() then return; end
	local wait, done = async.waiter(1, true);
	local deadline = now() + limit_s;
	timer.add_task(LOOK_EVERY_S, function ()
		if not is_so() and now() < deadline then return LOOK_EVERY_S; end
		done();
	end);
	wait();
end

local function pause(session)
	local conn = session.conn;
	if not conn or not conn.pause then return; end
	conn:pausefor(false); -- a pause that ends by itself (senders.lib.lua)
	conn:pause();
end

-- What is not read is not handled: a client with stream management sends it again, to the server that starts next.
local function stop_reading(self)
	self.senders:stop_resuming();
	for _, session in pairs(full_sessions) do pause(session); end
	for session in pairs(incoming_s2s) do pause(session); end
	for _, host in pairs(hosts) do
		for _, session in pairs(host.s2sout or {}) do pause(session); end
	end
end

-- Nobody can connect any more, and no session is closed yet.
function stopping_mt:drain()
	local window = self.window;
	self.unheard_errors:note_silent();
	stop_reading(self);
	if window.open_count > 0 then module:log("info", "Stopping: %d stanzas are held", window.open_count); end
	wait_until(function () return window:is_drained(); end, self.timeout_s + GRACE_S);
	self.clock:bounce_all();
	self.unheard_errors:take_back_all();
	self.link:stop();
	self:tell();
end

-- All sessions of clients are closed; those with other servers are not.
function stopping_mt:drain_farewells()
	local window, link = self.window, self.link;
	wait_until(function () return window.open_count == 0 or not link.session; end, FAREWELLS_S);
	self:tell();
end

-- The last status for the gate.
function stopping_mt:tell()
	self.turns:complete();
	if self.status:is_due() then self.status:send(); end
	self.link:flush();
end

return { new = stopping_mt.new };

-- Errors that a client which counts (XEP-0198) may not have got. While its session can be resumed, the server keeps them for
-- it. When a session ends cut off, be it with the server, they are lost: then what came back with them does not count as
-- handled, so that the client says it again (docs/gate-protocol.md, section 5.7). When the server stops, a client that is
-- connected and has not confirmed such an error for a while reads no more, whatever its connection looks like.
--
-- Owns, of each ledger (acknowledgements.lib.lua), where what came back stood, and when and after how many stanzas to its
-- client the error was said; none of it is kept when the client has confirmed all. And which sessions are silent. Lowers
-- `handled_stanza_count` of a session that ends.

local now = require "util.time".monotonic;

local full_sessions = prosody.full_sessions;
local pairs = pairs;

-- A client is asked whenever it is told something (mod_smacks), and answers at once if it reads.
local ANSWERS_IN_S = 1;

-- More than mod_smacks keeps of a session (smacks_max_queue_size, 500).
local KEPT = 1024;

local unheard_errors_mt = module:require "methods"();

local function new()
	-- Of each { told, at }: after how many stanzas the last error was said; { place, told, said_s } of each, by the rest of its
	-- place.
	return unheard_errors_mt.new { by_ledger = setmetatable({}, { __mode = "k" }), silent = setmetatable({}, { __mode = "k" }) };
end

-- The stanza at this place of a session was returned, reached nobody, and is not kept by the gate.
function unheard_errors_mt:note(ledger, place)
	local queue = ledger and ledger.session.outgoing_stanza_queue;
	if not queue or not place then return; end
	local said_at, confirmed = self.by_ledger[ledger], queue:count_acked();
	if not said_at or said_at.told <= confirmed then
		said_at = { told = 0, at = {} };
		self.by_ledger[ledger] = said_at;
	end
	said_at.told = confirmed + queue:count_unacked();
	said_at.at[place % KEPT] = { place = place, told = said_at.told, said_s = now() };
end

-- A session goes on over another connection. What its client says next stands where something else may have stood.
function unheard_errors_mt:resume(session)
	local ledger = session.stanza_gate_ledger;
	local said_at = ledger and self.by_ledger[ledger];
	for key, each in pairs(said_at and said_at.at or {}) do
		if each.place > ledger.handled then said_at.at[key] = nil; end
	end
end

local function is_unheard(said_at, place, confirmed)
	local found = said_at.at[place % KEPT];
	return found and found.place == place and found.told > confirmed;
end

-- This session ends, cut off. Only what came back last is taken back: nothing that was carried out is said again.
function unheard_errors_mt:take_back(session)
	local ledger, queue = session.stanza_gate_ledger, session.outgoing_stanza_queue;
	local said_at = ledger and queue and self.by_ledger[ledger];
	if not said_at then return; end
	local handled, confirmed = ledger.handled, queue:count_acked();
	while is_unheard(said_at, handled, confirmed) do handled = handled - 1; end
	self.by_ledger[ledger] = nil; -- what is taken back is not taken back twice
	session.handled_stanza_count = session.handled_stanza_count - (ledger.handled - handled);
end

-- A session is cut off: if its client does not resume it in time, mod_smacks notes its count, and ends it.
function unheard_errors_mt:watch(session)
	local watchdog = session.hibernating_watchdog;
	local expire = watchdog and watchdog.callback;
	if not expire then return; end
	function watchdog.callback(...)
		self:take_back(session);
		return expire(...);
	end
end

local function is_silent(self, session)
	local ledger, queue = session.stanza_gate_ledger, session.outgoing_stanza_queue;
	local said_at = ledger and queue and self.by_ledger[ledger];
	local confirmed, since = queue and queue:count_acked(), now() - ANSWERS_IN_S;
	for _, each in pairs(said_at and said_at.at or {}) do
		if each.told > confirmed and each.said_s < since then return true; end
	end
	return false;
end

-- The server is about to stop, and still hears its clients.
function unheard_errors_mt:note_silent()
	for _, session in pairs(full_sessions) do
		if is_silent(self, session) then self.silent[session] = true; end
	end
end

-- The server stops.
function unheard_errors_mt:take_back_all()
	for _, session in pairs(full_sessions) do
		if session.hibernating or self.silent[session] then self:take_back(session); end
	end
end

return { new = new };

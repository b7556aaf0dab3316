-- Stanzas that were passed on, but that may not have arrived: at a client with stream management (XEP-0198), or at
-- another server. If the server returns one long after it was carried out, the gate is told.
--
-- Owns the numbers of the newest entries that were passed on to each such session and each remote domain. What a client has
-- confirmed does not come back, so of its session only the rest is kept.

local hosts = prosody.hosts;
local pairs, type = pairs, type;

-- More than mod_smacks keeps of a stream (smacks_max_queue_size, 500).
local KEPT = 1024;

local unheard_mt = module:require "methods"();

-- parts: status.
local function new(parts)
	parts.by_listener = setmetatable({}, { __mode = "k" });
	return unheard_mt.new(parts);
end

local function key_of(from, to, id)
	return (from or "") .. "\0" .. (to or "") .. "\0" .. (id or "");
end

-- How many stanzas the server keeps for a domain that it has not reached yet. It does not bound them, and returns all of
-- them if it gives up.
local function count_waiting(listener)
	local count = 0;
	for _, host in pairs(hosts) do
		local session = host.s2sout and host.s2sout[listener];
		if session and session.sendq then count = count + #session.sendq; end
	end
	return count;
end

-- How many stanzas a session's client was told and has confirmed, and how many it was told; nil for a domain.
local function count_told(listener)
	local queue = type(listener) == "table" and listener.outgoing_stanza_queue;
	if not queue then return nil; end
	local confirmed = queue:count_acked();
	return confirmed, confirmed + queue:count_unacked();
end

local function forget_oldest(list)
	local first = list[list.first];
	if list.seqs[first.key] == first.seq then list.seqs[first.key] = nil; end
	list[list.first], list.first = nil, list.first + 1;
end

-- This entry was passed on to a receiver, a session or a domain, which it is addressed to.
function unheard_mt:note(listener, entry)
	local list = self.by_listener[listener];
	if not list then
		list = { seqs = {}, first = 1, last = 0 };
		self.by_listener[listener] = list;
	end
	local key = key_of(entry.from, entry.to, entry.stanza.attr.id);
	local confirmed, told = count_told(listener);
	-- Each is the next that its client is told: it is confirmed as soon as more than it was told before is.
	while confirmed and list.first <= list.last and list[list.first].told < confirmed do forget_oldest(list); end
	list.last = list.last + 1;
	list[list.last] = { key = key, seq = entry.seq, told = told or 0 };
	list.seqs[key] = entry.seq;
	local excess = list.last - list.first + 1 - KEPT;
	if excess > 0 then excess = excess - count_waiting(listener); end
	for _ = 1, excess do forget_oldest(list); end
end

-- The stanza from one address to another with this id comes back: it was not carried out.
function unheard_mt:give_back(listener, from, to, id)
	local list, key = self.by_listener[listener], key_of(from, to, id);
	local seq = list and list.seqs[key];
	if not seq then return; end
	list.seqs[key] = nil;
	self.status:add_bounced { seq = seq, refused = true };
end

return { new = new };

-- Stanzas that were passed on, but that may not have arrived: at a client with stream management (XEP-0198), or at
-- another server. If the server returns one long after it was carried out, the gate is told.
--
-- Owns the numbers of the newest entries that were passed on to each such session and each remote domain.

-- More than mod_smacks keeps of a session (smacks_max_queue_size, 500).
local KEPT = 1024;

local unheard_mt = {};
unheard_mt.__index = unheard_mt;

-- parts: status.
local function new(parts)
	parts.by_listener = setmetatable({}, { __mode = "k" });
	return setmetatable(parts, unheard_mt);
end

local function key_of(from, to, id)
	return (from or "") .. "\0" .. (to or "") .. "\0" .. (id or "");
end

-- This entry was passed on to a receiver, a session or a domain, which it is addressed to.
function unheard_mt:note(listener, entry)
	local list = self.by_listener[listener];
	if not list then
		list = { seqs = {}, next = 1 };
		self.by_listener[listener] = list;
	end
	local key, place = key_of(entry.from, entry.to, entry.stanza.attr.id), list.next;
	local last = list[place];
	if last and list.seqs[last.key] == last.seq then list.seqs[last.key] = nil; end
	list[place], list.next = { key = key, seq = entry.seq }, place % KEPT + 1;
	list.seqs[key] = entry.seq;
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

-- What was handed on to somebody who may turn out not to have heard it: a client that counts what it hears (XEP-0198), or
-- another server. When the server gives it back long after it was carried out, the gate is told.
--
-- Owns, of each such session and each remote domain, the numbers of the newest entries that were handed on to it.

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

-- This entry was handed on to a listener, a session or a domain, as what it is addressed to.
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

-- What was said from one address to another with this id goes back: it was not carried out after all.
function unheard_mt:give_back(listener, from, to, id)
	local list, key = self.by_listener[listener], key_of(from, to, id);
	local seq = list and list.seqs[key];
	if not seq then return; end
	list.seqs[key] = nil;
	self.status:add_bounced { seq = seq, refused = true };
end

return { new = new };

-- Errors that another site gives back while the gate is away: they wait for it, so that whoever said what comes back
-- learns it (docs/gate-protocol.md, section 5.1). There is no error of an error, so nobody else could tell them.
--
-- Owns the list of those that wait, and how many bytes they are. Makes an entry patient, and acknowledges it.

local now = require "util.time".monotonic;

local LONGEST_S = 3600;

local returned_mt = module:require "methods"();

-- parts: window.
local function new(parts)
	-- { entry, its bytes }, the oldest first.
	parts.waiting, parts.first, parts.last, parts.bytes = {}, 1, 0, 0;
	return returned_mt.new(parts);
end

-- Whether this is an error of another site.
function returned_mt.is_one(_, stanza, way)
	return way == "s2s" and stanza.attr.type == "error";
end

local function forget_oldest(self)
	local oldest = self.waiting[self.first];
	self.waiting[self.first], self.first, self.bytes = nil, self.first + 1, self.bytes - oldest.bytes;
end

-- The oldest that waits and has no verdict.
local function find_oldest(self)
	local oldest = self.waiting[self.first];
	while oldest and self.window.entries[oldest.entry.seq] ~= oldest.entry do
		forget_oldest(self);
		oldest = self.waiting[self.first];
	end
	return oldest and oldest.entry;
end

-- Whether one more may wait: all of them never fill the window, nor stop the server from reading what people say.
function returned_mt:has_room()
	find_oldest(self);
	local count = self.last - self.first + 1;
	return count < self.window.high_stanzas and self.bytes < self.window.high_bytes;
end

-- Have an entry of the window wait for the gate, without the time limit of others. What counts stanzas is told that it is
-- handled: an error that the other site has not heard of here is lost as well, as no server gives back an error.
function returned_mt:keep(entry)
	local ledger = entry.ledger;
	self.last, self.bytes = self.last + 1, self.bytes + #entry.xml;
	self.waiting[self.last] = { entry = entry, bytes = #entry.xml };
	self.window:make_patient(entry);
	entry.ledger = nil;
	module:log("info", "An error from %s waits for the gate", entry.stanza.attr.from);
	if ledger then ledger:mark(entry.place); end
end

-- The next that has waited for too long; nil when there is none. Each is returned once.
function returned_mt:next_overdue()
	local entry = find_oldest(self);
	if not entry or now() - entry.held_at < LONGEST_S then return nil; end
	forget_oldest(self);
	return entry;
end

return { new = new };

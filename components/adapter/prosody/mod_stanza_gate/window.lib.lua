-- The window: the submitted entries without a verdict, by their numbers (docs/gate-protocol.md, section 3).
--
-- Owns the epoch and its numbers, the entries, their bounds in stanzas and bytes, and how far everything is settled; of
-- each sender the counts `held`, `held_bytes` and `unanswered`, and its `farewell`; of its `share` the first two and `made`.
-- Tells an entry's ledger that it is settled. Touches nothing else: no session, no clock.
--
-- An entry is { seq, xml, sender, patient } and, unless it is only recorded, { stanza, held_at, as, injected }; where its
-- session counts what it hears, also { ledger, place } (acknowledgements.lib.lua). A patient entry waits for the gate
-- without a time limit. An entry leaves the window with its verdict or its bounce, and `is_settled` when it is carried
-- out, refused, bounced or kept.

local new_uuid = require "util.uuid".generate;

-- Reading from clients pauses from here on, so that the window itself only fills when the gate is stuck.
-- A longer queue carries no more; it only makes everybody wait.
local HIGH_SHARE, HIGH_STANZAS = 1 / 4, 1024;

local window_mt = module:require "methods"();

local function new(max_stanzas, max_bytes)
	return window_mt.new {
		-- One run of this process: what it held is lost with it, so its numbers are never continued.
		epoch = new_uuid():gsub("%-", ""):sub(1, 16),
		-- From first_seq to next_seq - 1.
		entries = {}, first_seq = 1, next_seq = 1,
		count = 0, bytes = 0, patient_count = 0,
		-- How many are not settled: in the window, or being carried out.
		open_count = 0,
		max_stanzas = max_stanzas, max_bytes = max_bytes,
		high_stanzas = math.min(max_stanzas * HIGH_SHARE, HIGH_STANZAS), high_bytes = max_bytes * HIGH_SHARE,
		-- Everything up to done_through is carried out, refused or bounced; `settled` has further such numbers.
		-- Up to written_through, what that led to is also written to whom it goes to, and no crash takes it any more.
		done_through = 0, settled = {}, written_through = 0,
		-- Nothing before it can run out of time any more.
		expiry_seq = 1,
	};
end

-- So much more of a sender is in the window now, or less.
local function count(sender, stanzas, bytes)
	sender.held, sender.held_bytes = sender.held + stanzas, sender.held_bytes + bytes;
	local share = sender.share;
	if share then share.held, share.held_bytes = share.held + stanzas, share.held_bytes + bytes; end
end

-- The server has made so many more itself, for its sender.
local function count_made(entry, stanzas)
	local share = entry.sender.share;
	if share and not entry.stanza then share.made = share.made + stanzas; end
end

-- Add an entry whose sender is set, under the next number.
function window_mt:enter(entry, xml)
	local seq, sender = self.next_seq, entry.sender;
	entry.seq, entry.xml = seq, xml;
	self.next_seq = seq + 1;
	self.entries[seq] = entry;
	self.count, self.bytes, self.open_count = self.count + 1, self.bytes + #xml, self.open_count + 1;
	count(sender, 1, #xml);
	count_made(entry, 1);
	if entry.patient then
		self.patient_count = self.patient_count + 1;
	else
		sender.unanswered = sender.unanswered + 1;
	end
end

function window_mt:remove(entry)
	local seq, entries, sender = entry.seq, self.entries, entry.sender;
	entries[seq] = nil;
	self.count, self.bytes = self.count - 1, self.bytes - #entry.xml;
	count(sender, -1, -#entry.xml);
	count_made(entry, -1);
	if entry.patient then
		self.patient_count = self.patient_count - 1;
	else
		sender.unanswered = sender.unanswered - 1;
	end
	if seq == self.first_seq then
		local next_seq = self.next_seq;
		repeat seq = seq + 1; until entries[seq] or seq >= next_seq;
		self.first_seq = seq;
	end
	if sender.farewell == entry then sender.farewell = nil; end
end

-- The entry is submitted in another way from now on.
function window_mt:rewrite(entry, xml)
	local more = #xml - #entry.xml;
	entry.xml, self.bytes = xml, self.bytes + more;
	count(entry.sender, 0, more);
end

-- From now on the entry waits without a time limit.
function window_mt:make_patient(entry)
	if entry.patient then return; end
	entry.patient = true;
	self.patient_count = self.patient_count + 1;
	entry.sender.unanswered = entry.sender.unanswered - 1;
end

-- This entry is carried out, refused, bounced or kept.
function window_mt:settle(entry)
	local settled, seq = self.settled, entry.seq;
	self.open_count, entry.is_settled = self.open_count - 1, true;
	if entry.ledger then entry.ledger:mark(entry.place); end
	if seq ~= self.done_through + 1 then
		settled[seq] = true;
		return;
	end
	repeat
		settled[seq] = nil;
		seq = seq + 1;
	until not settled[seq];
	self.done_through = seq - 1;
end

-- What was carried out before is written to all who can read it now (turns.lib.lua).
function window_mt:note_turn()
	self.written_through = self.done_through;
end

-- The entries in the order of their numbers.
function window_mt:each()
	local entries, seq = self.entries, self.first_seq - 1;
	return function ()
		repeat seq = seq + 1; until entries[seq] or seq >= self.next_seq;
		return entries[seq];
	end
end

-- The next entry that was held at this time or before and is not patient; nil when there is none. Each is returned once.
function window_mt:next_overdue(held_until)
	local seq = math.max(self.expiry_seq, self.first_seq);
	while seq < self.next_seq do
		local entry = self.entries[seq];
		if entry and not entry.patient then
			if entry.held_at > held_until then break; end
			self.expiry_seq = seq + 1;
			return entry;
		end
		seq = seq + 1;
	end
	self.expiry_seq = seq;
	return nil;
end

function window_mt:is_full()
	return self.count >= self.max_stanzas or self.bytes >= self.max_bytes;
end

function window_mt:is_high()
	return self.count >= self.high_stanzas or self.bytes >= self.high_bytes;
end

-- Whether reading from clients may go on.
function window_mt:is_low()
	return self.count <= self.high_stanzas / 2 and self.bytes <= self.high_bytes / 2;
end

-- Whether everything with a time limit is settled.
function window_mt:is_drained()
	return self.open_count <= self.patient_count;
end

-- Whether as much waits without a time limit as the window has places for.
function window_mt:is_full_of_patient()
	return self.patient_count >= self.max_stanzas;
end

return { new = new };

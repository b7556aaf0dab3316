-- Quarantine: what breaks the gate's stream, or the gate, by being submitted, is submitted no more as it is, and everything
-- else goes on (docs/gate-protocol.md, section 5.10).
--
-- Owns what of the window was submitted on this stream: after a break all of it is suspect, so it goes out a few at a time,
-- and alone what was there at two breaks. Of an entry it sets `breaks` and `unread`, how often it was there when the stream
-- broke, and was named by the gate; and `quarantined`, when its `xml` is the form in which nothing looks into it.

local ipairs = ipairs;
local max, min = math.max, math.min;

-- How often an entry may break the stream.
local ONCE_TOO_OFTEN = 2;
-- So many that are in doubt go out together at most.
local PACK_MAX = 1024;

local quarantine_mt = module:require "methods"();

-- parts: wire, window, link, status, answers.
local function new(parts)
	-- While it is careful: the next number to submit, the last one submitted, and how many go out together.
	parts.next_seq, parts.out_through, parts.pack = nil, 0, 1;
	-- Whether the gate has answered on this stream, and the number that it could not read.
	parts.is_answered, parts.named = false, nil;
	return quarantine_mt.new(parts);
end

-- A new entry is in the window.
function quarantine_mt:submit(entry)
	if not self.next_seq then self.link:submit(entry.xml); end
end

-- Whether what was submitted last is out of the window.
local function is_settled(self)
	return self.window.first_seq > self.out_through;
end

-- Submit what comes next: as much again as was answered, and alone what was there at two breaks.
local function submit_pack(self)
	local window, count, pack = self.window, 0, self.pack;
	local seq = max(self.next_seq, window.first_seq);
	self.pack = min(pack * 2, PACK_MAX);
	while seq < window.next_seq and count < pack do
		local entry = window.entries[seq];
		local is_alone = entry and (entry.breaks or 0) >= ONCE_TOO_OFTEN;
		if is_alone and count > 0 then break; end
		seq = seq + 1;
		if entry then
			count = count + 1;
			self.link:submit(entry.xml);
		end
		if is_alone then break; end
	end
	self.next_seq, self.out_through = seq, seq - 1;
end

-- Something was answered, or its time was over. What was submitted before the break has the lowest numbers: when that is
-- through, the rest follows at once.
function quarantine_mt:go_on()
	if not self.next_seq or not self.link.session or not is_settled(self) then return; end
	local window = self.window;
	local first = window.entries[window.first_seq];
	if first and first.breaks then return submit_pack(self); end
	self.next_seq = nil;
	for entry in window:each() do self.link:submit(entry.xml); end
end

-- Whether a status would be ahead of what was submitted.
function quarantine_mt:is_careful()
	return self.next_seq;
end

-- The gate is connected: submit the window again.
function quarantine_mt:begin()
	self.is_answered, self.named = false, nil;
	self.next_seq, self.out_through, self.pack = self.window.first_seq, 0, 1;
	self:go_on();
end

-- The gate has given a verdict.
function quarantine_mt:note_verdict()
	self.is_answered = true;
	if self.next_seq then self:go_on(); end
end

-- The gate could not read on in this submission, and closes the stream for it.
function quarantine_mt:note_unread(seq)
	self.named = seq;
end

-- What breaks the stream even in quarantine goes back to its sender.
local function give_up(self, entry)
	local window = self.window;
	module:log("error", "Stanza %d ended the gate's stream in quarantine as well: it cannot be recorded", entry.seq);
	entry.unrecorded = true;
	self.status:add_bounced(entry);
	window:remove(entry);
	window:settle(entry);
	if entry.stanza and not entry.injected then self.answers:bounce(entry.sender.origin, entry.stanza, "unwritable"); end
	entry.sender:close_if_answered();
end

local function put_away(self, entry)
	if entry.quarantined then return give_up(self, entry); end
	module:log("error", "Stanza %d has ended the gate's stream twice: it goes into quarantine", entry.seq);
	entry.quarantined = true;
	self.window:rewrite(entry, self.wire.encode_quarantined(entry.xml, entry.stanza));
end

-- What was submitted on this stream and is not answered.
local function find_suspects(self)
	local suspects, through = {}, self.next_seq and self.out_through or self.window.next_seq;
	for entry in self.window:each() do
		if entry.seq > through then break; end
		suspects[#suspects + 1] = entry;
	end
	return suspects;
end

-- The gate has named what it was. Twice, so that it is not laid to what came to harm on its way.
local function blame_named(self, entry)
	entry.unread = (entry.unread or 0) + 1;
	if entry.unread >= ONCE_TOO_OFTEN then put_away(self, entry); end
end

-- The gate's stream has ended. A gate that fails may close it in order; what the server ends it for, the gate had said.
function quarantine_mt:note_break()
	if self.link.closed_for then return; end
	local named = self.named and self.window.entries[self.named];
	if named then return blame_named(self, named); end
	local suspects = find_suspects(self);
	for _, entry in ipairs(suspects) do entry.breaks = (entry.breaks or 0) + 1; end
	local alone = #suspects == 1 and suspects[1];
	if not alone or alone.breaks < ONCE_TOO_OFTEN then return; end
	-- A gate that has answered on this stream may have ended for another reason: once more, then.
	if not self.is_answered or alone.breaks > ONCE_TOO_OFTEN then put_away(self, alone); end
end

return { new = new };

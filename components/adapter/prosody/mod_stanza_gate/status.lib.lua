-- The statuses, which tell the gate about the window besides its submissions (docs/gate-protocol.md, section 4.3).
--
-- Owns what was bounced, and the ids that rooms gave, until the gate has noted them, the count of refused stanzas, and the
-- numbers of statuses. Reads the window and which hosts are held, writes to the link.

local concat, ipairs = table.concat, ipairs;

local status_mt = module:require "methods"();

local MOST_ARCHIVED = 1000; -- ids of rooms in one status

-- parts: wire, window, link, hosts.
local function new(parts)
	-- { seq, whether the server refused it, the number of the first status that named it } of each that was bounced.
	parts.bounced, parts.number, parts.done_reported = {}, 0, 0;
	-- { record, id, the number of the first status that named it } of each message that a room keeps.
	parts.archived = {};
	-- Since the last status: bounced on arrival, and so never accepted and never numbered.
	parts.turned_away = 0;
	-- What is wrong with the server's modules, as the last status named it.
	parts.faults_reported = "";
	return status_mt.new(parts);
end

-- The hosts that are not held, and the server's own uploads, as one text.
local function describe_faults(unheld, uploads)
	local words = { concat(unheld, " ") };
	for _, each in ipairs(uploads) do words[#words + 1] = each.host .. "/" .. each.module; end
	return concat(words, " ");
end

-- This entry was not carried out, whatever its verdict says.
function status_mt:add_bounced(entry)
	self.bounced[#self.bounced + 1] = { seq = entry.seq, refused = entry.refused, unrecorded = entry.unrecorded };
end

-- A room keeps the message of this record under an id of its own.
function status_mt:add_archived(record, id)
	self.archived[#self.archived + 1] = { record = record, id = id };
end

function status_mt:add_turned_away()
	self.turned_away = self.turned_away + 1;
end

-- Whether there is anything new to tell.
function status_mt:is_due()
	local last, kept = self.bounced[#self.bounced], self.archived[#self.archived];
	return self.window.written_through ~= self.done_reported or self.turned_away > 0 or (last and not last.reported)
		or (kept and not kept.reported)
		or describe_faults(self.hosts:unheld(), self.hosts:uploads()) ~= self.faults_reported;
end

-- The number up to which everything is done and written, and the gate knows what was bounced.
function status_mt:known_done()
	local last = self.bounced[#self.bounced];
	return last and not last.reported and self.done_reported or self.window.written_through;
end

function status_mt:send()
	local window, link = self.window, self.link;
	if not link.session then return; end
	self.number = self.number + 1;
	for _, item in ipairs(self.bounced) do
		item.reported = item.reported or self.number;
	end
	local archived = {};
	for i = 1, math.min(#self.archived, MOST_ARCHIVED) do
		archived[i] = self.archived[i];
		archived[i].reported = archived[i].reported or self.number;
	end
	local unheld, uploads = self.hosts:unheld(), self.hosts:uploads();
	local text = self.wire.encode_status(link:own_domain(), link.gate, {
		epoch = window.epoch, n = self.number, first = window.first_seq, next = window.next_seq,
		done = window.written_through, turned_away = self.turned_away, bounced = self.bounced,
		unheld = unheld, uploads = uploads, archived = archived,
	});
	self.faults_reported = describe_faults(unheld, uploads);
	self.done_reported, self.turned_away = window.written_through, 0;
	link:submit(text);
end

local function without_noted(items, number)
	local rest = {};
	for _, item in ipairs(items) do
		if not item.reported or item.reported > number then rest[#rest + 1] = item; end
	end
	return rest;
end

-- The gate has noted the status with this number: do not name its contents again.
function status_mt:forget(number)
	self.bounced, self.archived = without_noted(self.bounced, number), without_noted(self.archived, number);
end

return { new = new };

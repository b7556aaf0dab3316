-- Time: bounces stanzas that wait too long for their verdict, disconnects a stuck gate, and sends the gate statuses
-- (docs/gate-protocol.md, sections 4.3 and 5.1).
--
-- Owns the timer. Takes entries out of the window, answers their senders, closes the gate's stream.

local now = require "util.time".monotonic;
local timer = require "util.timer";

local FIRST_TICK_S, LONGEST_TICK_S = 0.1, 0.25;

-- parts: window, turns, link, quarantine, status, answers, senders, acknowledgements, unheard_errors, returned,
-- timeout_s.
local clock_mt = module:require "methods"();

local function bounce(self, entry)
	if entry.is_returned then
		module:log("error", "An error from %s is dropped, as the gate is away", entry.stanza.attr.from);
	end
	self.status:add_bounced(entry);
	self.window:remove(entry);
	self.window:settle(entry);
	if not entry.injected then
		self.answers:bounce(entry.sender.origin, entry.stanza, "interrupted");
		self.unheard_errors:note(entry.ledger, entry.place);
	end
	entry.sender:close_if_answered();
end

-- Bounce what was held at this time or before, but for what may wait; return how many that were.
local function bounce_held(self, held_until, may_wait)
	local count = 0;
	local entry = self.window:next_overdue(held_until);
	while entry do
		self.link:fall_silent(entry.held_at);
		if may_wait(self, entry) then
			self.returned:keep(entry);
		else
			bounce(self, entry);
			count = count + 1;
		end
		entry = self.window:next_overdue(held_until);
	end
	return count;
end

local function may_wait(self, entry)
	return entry.is_returned and self.returned:has_room();
end

local function never()
	return false;
end

local function drop_returned(self)
	local entry = self.returned:next_overdue();
	while entry do
		bounce(self, entry);
		entry = self.returned:next_overdue();
	end
end

local function bounce_overdue(self)
	local count = bounce_held(self, now() - self.timeout_s, may_wait);
	if count > 0 then
		module:log("error", "No verdict within %g s: %d stanzas were bounced", self.timeout_s, count);
		self.senders:resume_paused();
	end
end

-- Bounce everything that has a time limit.
function clock_mt:bounce_all()
	local count = bounce_held(self, math.huge, never);
	if count > 0 then module:log("error", "The server stops: %d stanzas without a verdict were bounced", count); end
end

local function watch(self)
	bounce_overdue(self);
	drop_returned(self);
	self.turns:complete(); -- nothing is carried out in this turn yet
	self.quarantine:go_on();
	self.acknowledgements:answer_overdue();
	local link = self.link;
	if link:is_stuck() then
		module:log("error", "The gate has been silent for %g s: closing its connection", link.stuck_after_s);
		link:close("No verdict in time");
	elseif not self.quarantine:is_careful() and self.status:is_due() then
		self.status:send();
	end
end

function clock_mt:start()
	local tick_s = math.min(LONGEST_TICK_S, self.timeout_s / 8);
	-- Even if something fails in here once, the time limits stay in force.
	timer.add_task(FIRST_TICK_S, function ()
		local ok, err = pcall(watch, self);
		if not ok then module:log("error", "Watching the window failed: %s", err); end
		return tick_s;
	end);
end

return { new = clock_mt.new };

-- Time: bounces stanzas that wait too long for their verdict, disconnects a stuck gate, and sends the gate statuses
-- (docs/gate-protocol.md, sections 4.3 and 5.1).
--
-- Owns the timer. Takes entries out of the window, answers their senders, closes the gate's stream.

local now = require "util.time".monotonic;
local timer = require "util.timer";

local FIRST_TICK_S, LONGEST_TICK_S = 0.1, 0.25;

-- parts: window, turns, link, quarantine, status, answers, senders, acknowledgements, timeout_s.
local clock_mt = module:require "methods"();

local function bounce(self, entry)
	self.link:fall_silent(entry.held_at);
	self.status:add_bounced(entry);
	self.window:remove(entry);
	self.window:settle(entry);
	if not entry.injected then
		self.answers:bounce(entry.sender.origin, entry.stanza, "interrupted");
	end
	entry.sender:close_if_answered();
end

-- Bounce what was held at this time or before; return how many that were.
local function bounce_held(self, held_until)
	local count = 0;
	local entry = self.window:next_overdue(held_until);
	while entry do
		bounce(self, entry);
		count = count + 1;
		entry = self.window:next_overdue(held_until);
	end
	return count;
end

local function bounce_overdue(self)
	local count = bounce_held(self, now() - self.timeout_s);
	if count > 0 then
		module:log("error", "No verdict within %g s: %d stanzas were bounced", self.timeout_s, count);
		self.senders:resume_paused();
	end
end

-- Bounce everything that has a time limit.
function clock_mt:bounce_all()
	local count = bounce_held(self, math.huge);
	if count > 0 then module:log("error", "The server stops: %d stanzas without a verdict were bounced", count); end
end

local function watch(self)
	bounce_overdue(self);
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

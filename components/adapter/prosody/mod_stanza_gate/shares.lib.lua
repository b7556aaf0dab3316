-- Shares: what one person, or one other site, has of the server, by however many streams they speak.
--
-- Owns the shares, by account or domain, and what waits until a share is free again. Touches nothing else.
--
-- A share is { held, held_bytes, made, owed_until_s, waiting, is_planned, senders }. The window keeps the first three: how
-- much it has of them, in stanzas and bytes, and how many stanzas of those the server made itself, such as a presence for
-- each contact. `owed_until_s` is ahead of the clock by what the server has done for them lately and would do for others
-- now. `senders` are those whose session has not ended (senders.lib.lua).

local async = require "util.async";
local now = require "util.time".monotonic;
local timer = require "util.timer";

local pairs = pairs;

-- Of the server's time each may have two thirds, and so much more at once. So others have their turn after each stanza of
-- somebody who keeps the server at work.
local OWED_FOR_EACH_S = 3 / 2;
local MOST_OWED_S = 0.02;

local shares_mt = module:require "methods"();

-- parts: link, max_made.
local function new(parts)
	parts.by_name = setmetatable({}, { __mode = "v" });
	-- Those with something that waits.
	parts.busy = {};
	parts.is_open = false;
	return shares_mt.new(parts);
end

local function name_of(origin)
	if origin.type == "c2s" then return origin.username and origin.username .. "@" .. origin.host; end
	return origin.type == "s2sin" and origin.from_host or origin.type == "s2sout" and origin.to_host;
end

-- The share of whoever speaks by this stream; nil if it is not a person or a site.
function shares_mt:of(origin)
	local name = name_of(origin);
	if not name then return nil; end
	local share = self.by_name[name] or { held = 0, held_bytes = 0, made = 0, owed_until_s = 0, waiting = {}, senders = {} };
	self.by_name[name] = share;
	return share;
end

-- Whether nothing more is carried out for them now. When there is no gate, what is recorded does not wait for it.
local function is_used_up(self, share)
	if self.is_open then return false; end
	return share.owed_until_s > now() + MOST_OWED_S or share.made >= self.max_made and not self.link:is_silent();
end

local go_on;

-- Time passes by itself. That less is in the window, go_on() is called for.
local function plan(self, share)
	self.busy[share] = share.waiting[1] and true or nil;
	local wait_s = share.owed_until_s - MOST_OWED_S - now();
	if not share.waiting[1] or share.is_planned or wait_s <= 0 then return; end
	share.is_planned = true;
	timer.add_task(wait_s, function ()
		share.is_planned = false;
		go_on(self, share);
	end);
end

function go_on(self, share)
	while share.waiting[1] and not is_used_up(self, share) do
		table.remove(share.waiting, 1)();
	end
	plan(self, share);
end

-- In a runner: wait until this share is free, behind whatever waits for it already.
function shares_mt:wait_for(share)
	if not share or not share.waiting[1] and not is_used_up(self, share) then return; end
	local wait, done = async.waiter();
	table.insert(share.waiting, done);
	plan(self, share);
	wait();
end

-- The server was at work for this share from then on until now.
function shares_mt:charge(share, began_s) -- luacheck: ignore 212/self
	if not share then return; end
	local ended_s = now();
	share.owed_until_s = math.max(share.owed_until_s, began_s) + OWED_FOR_EACH_S * (ended_s - began_s);
end

-- Called whenever there may be less in the window.
function shares_mt:go_on()
	for share in pairs(self.busy) do go_on(self, share); end
end

-- The server stops: from now on nothing waits.
function shares_mt:open()
	self.is_open = true;
	self:go_on();
end

return { new = new };

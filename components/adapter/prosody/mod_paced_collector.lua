-- Lets Lua's collector rest for as long as there is memory to spare: what it does costs a small site a quarter of its time.
--
-- With the incremental collector, a collection begins when memory has grown to so many percent of what the last one left (the
-- option `gc`, `threshold`). What is held for the gate lives long enough to be gone through again and again, so a fixed
-- percentage is either slow for a small site or large for a big one. Here the percentage follows what is alive: SPARE_KB may
-- be garbage, or twice what is alive, whichever is more. Other settings of the collector stay as `gc` has them.

module:set_global();

if _VERSION ~= "Lua 5.4" then return; end -- the collectors of others have other numbers

local timer = require "util.timer";

local SPARE_KB = 128 * 1024;
local LOWEST, HIGHEST = 300, 1000; -- Lua takes no more
local LOOK_S, LOOKS = 0.5, 20;

local collectgarbage, floor, max, min = collectgarbage, math.floor, math.max, math.min;

-- Memory goes up and down between what is alive and the threshold: the least of the last looks is near what is alive.
local looked, place = {}, 0;

local function least()
	local found = looked[1];
	for i = 2, #looked do found = min(found, looked[i]); end
	return found;
end

-- In percent of what is alive, which is in KiB.
local function threshold_for(alive_kb)
	return floor(max(LOWEST, min(HIGHEST, 100 + 100 * SPARE_KB / alive_kb)));
end

timer.add_task(LOOK_S, function ()
	place = place % LOOKS + 1;
	looked[place] = collectgarbage("count");
	-- 0: as it is.
	collectgarbage("incremental", threshold_for(least()), 0, 0);
	return LOOK_S;
end);

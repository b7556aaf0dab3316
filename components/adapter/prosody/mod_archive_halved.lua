-- When the server's own archive (XEP-0313) of a person or a room is full, half of it goes (docs/decisions/0332).
--
-- mod_mam and mod_muc_mam let a hundredth go. Files are read and written whole for that, so that with each hundredth message
-- that somebody gets, nobody is served for a second.
--
-- For a host, and for the domain of rooms. Storage without a bound, such as SQL, is left as it is.

local floor, getmetatable, next, pairs = math.floor, getmetatable, next, pairs;

-- By driver, which all archives of a host have in common, how it deletes by itself.
local own = {};

local function halved(query, quota)
	local copy = {};
	for key, value in next, query do copy[key] = value; end
	copy.truncate = floor(quota / 2);
	return copy;
end

local function halve(store)
	local class = store and getmetatable(store);
	local driver = class and class.__index;
	local quota = driver and driver.caps and driver.caps.quota;
	if not quota or own[driver] then return; end
	local delete = driver.delete;
	own[driver] = delete;
	function driver:delete(username, query)
		local is_full = query and query.truncate and query.truncate > quota / 2;
		return delete(self, username, is_full and halved(query, quota) or query);
	end
end

halve(module:open_store(module:get_option_string("archive_store", "archive"), "archive"));
halve(module:open_store(module:get_option_string("muc_log_store", "muc_log"), "archive"));

function module.unload()
	for driver, delete in pairs(own) do driver.delete = delete; end
end

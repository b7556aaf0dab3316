-- How often somebody may try a wrong password: at first as often as a person errs, then so seldom that guessing is
-- hopeless (docs/decisions/0261). Each wrong one counts for its account as tried from its address, and for the address. So
-- who guesses keeps nobody out who is somewhere else, and an address of many people has room for all their errors.

local cache = require "util.cache";
local throttle = require "util.throttle";

-- So many at once, and as many again in so many seconds.
local OF_ACCOUNT = { 20, 600 };
local OF_ADDRESS = { 200, 600 };
local REMEMBERED = 20000; -- the addresses and accounts that erred last

local TEXT = "Too many wrong passwords came from here. Please wait some minutes, then try again.";

local pace = {};
local mt = { __index = pace };

local function new()
	return setmetatable({ accounts = cache.new(REMEMBERED), addresses = cache.new(REMEMBERED) }, mt);
end

local function is_spent(buckets, key)
	local bucket = buckets:get(key);
	return bucket and not bucket:peek(1);
end

local function spend(buckets, key, limit)
	local bucket = buckets:get(key) or throttle.create(limit[1], limit[2]);
	bucket:poll(1);
	buckets:set(key, bucket);
end

-- Take a step of an attempt from an address, and return what to answer. Where too many were wrong, a right one is
-- answered as they are.
function pace:step(address, process, handler, ...)
	if is_spent(self.addresses, address) then return "failure", "temporary-auth-failure", TEXT; end
	local status, condition, text = process(handler, ...);
	if status ~= "success" and status ~= "failure" then return status, condition, text; end
	local account = address .. " " .. (handler.username or "");
	if is_spent(self.accounts, account) then return "failure", "temporary-auth-failure", TEXT; end
	if condition == "not-authorized" then
		spend(self.accounts, account, OF_ACCOUNT);
		spend(self.addresses, address, OF_ADDRESS);
	end
	return status, condition, text;
end

return { new = new };

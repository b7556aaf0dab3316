-- Reads an account's message archive with Prosody's own driver for XEP-0227, and prints a JSON object for each message.
local server, data, host, user = arg[1], arg[2], arg[3], arg[4];
-- Prosody 13 calls its libraries by longer names, from the folder above.
package.path = server .. "/?.lua;" .. server .. "/../?.lua;" .. package.path;
package.cpath = server .. "/?.so;" .. server .. "/../?.so;" .. package.cpath;
prosody = { paths = { data = data } };
local driver;
module = { host = host };
function module:log() end
function module:get_option_string(_, default) return default; end
function module:get_option_enum(_, default) return default; end
-- What it asks for beside archives: how vCards and the like are stored, which no archive has.
function module:require() return setmetatable({}, { __index = function () return function () end; end }); end
function module:provides(_, provided) driver = provided; end
dofile(server .. "/modules/mod_storage_xep0227.lua");
local json = require "util.json";
for id, item, at, with in assert(driver:open("archive", "archive")):find(user) do
	local body = item:get_child_text("body") or "";
	print(json.encode({ id = id, at = at, with = with, body = body, from = item.attr.from, to = item.attr.to }));
end

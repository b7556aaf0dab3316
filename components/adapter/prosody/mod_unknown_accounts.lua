-- A login with an unknown name gets the same answer as one with a wrong password (docs/paths.md, section 3).
--
-- By itself, the server refuses an unknown name at once, and a known one only after its challenge (RFC 5802, 5). So
-- anybody who reaches its port could try out who has an account.

local hashes = require "util.hashes";
local hashers = require "util.sasl.scram".hashers;
local random_bytes = require "util.random".bytes;
local to_hex = require "util.hex".encode;
local usermanager = require "core.usermanager";

local hash_name = module:get_option_string("password_hash", "SHA-1");
local iteration_count = module:get_option_number("default_iteration_count", 10000);
local scram_name = "scram_" .. hash_name:gsub("%-", "_"):lower();
local key_size_bytes = hash_name == "SHA-1" and 20 or 32;
local hash_password = hashers[hash_name];

-- The invented values for a name are the same each time, also after a restart, as they are for an account.
local store = module:open_store("unknown_accounts");
local secret = (store:get("secret") or {}).hex;
if not secret then
	secret = to_hex(random_bytes(32));
	store:set("secret", { hex = secret });
end

local function make_up(what, username)
	return hashes.hmac_sha256(secret, what .. "\0" .. username);
end

-- In the form that the server makes for accounts (a UUID, RFC 4122, 4.4).
local function make_up_salt(username)
	local hex = to_hex(make_up("salt", username));
	local variant = ("89ab"):sub(tonumber(hex:sub(17, 17), 16) % 4 + 1):sub(1, 1);
	return table.concat({ hex:sub(1, 8), hex:sub(9, 12), "4" .. hex:sub(14, 16), variant .. hex:sub(18, 20), hex:sub(21, 32) }, "-");
end

local function wrap(profile)
	local look_up, test = profile[scram_name], profile.plain_test;
	profile[scram_name] = look_up and function (sasl, username, ...)
		if usermanager.user_exists(username, module.host) then return look_up(sasl, username, ...); end
		local stored_key, server_key = make_up("stored", username), make_up("server", username);
		return stored_key:sub(1, key_size_bytes), server_key:sub(1, key_size_bytes), iteration_count, make_up_salt(username), true;
	end;
	profile.plain_test = test and function (sasl, username, password, ...)
		if not usermanager.user_exists(username, module.host) then
			hash_password(password, make_up_salt(username), iteration_count); -- which is what takes the time
		end
		return test(sasl, username, password, ...);
	end;
end

module:require "logins"(module, function (handler)
	wrap(handler.profile);
	return handler;
end);

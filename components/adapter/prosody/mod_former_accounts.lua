-- At a login with the right password, tells the user of an account that the gate does not list: `account-disabled`
-- (RFC 6120, 6.5.1). Without this they get in, and everything that they send comes back. There is no policy in this
-- file: the table of borders says who is listed (docs/gate-protocol.md, section 4.5).
--
-- It does so only with the right password, so that a login tells nobody else who has left (docs/paths.md, section 3).
-- While there is no table, it refuses nobody.

local attend = module:require "sasl_attempts";
local borders = module:shared "/*/stanza_gate/borders";

local TEXT = "Your access to this line has ended, or has not begun. Ask your compliance desk if this is wrong.";

local function is_former(username)
	return borders.in_force and borders.in_force() and not borders.is_open()
		and not borders.is_listed(username .. "@" .. module.host);
end

local function step(process, handler, ...)
	local status, data, text = process(handler, ...);
	if status == "success" and is_former(handler.username) then
		module:log("info", "Turned away at the login: %s is not listed", handler.username);
		return "failure", "account-disabled", TEXT;
	end
	return status, data, text;
end

module:require "logins"(module, function (handler) return attend(handler, step); end);

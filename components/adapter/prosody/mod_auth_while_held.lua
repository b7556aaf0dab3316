-- Accounts as mod_auth_internal_hashed keeps them, for a server that holds all stanzas: while mod_stanza_gate is not there
-- (not enabled, or it failed to load), nobody logs in, and no stanza goes anywhere (docs/gate-protocol.md, section 5.9).
-- Who tries wrong passwords has to wait.
--
-- The configuration names it as `authentication`. So if this file cannot be loaded either, there are no accounts at all.

module:depends "auth_internal_hashed";

local st = require "util.stanza";

local attend = module:require "sasl_attempts";
local pace = module:require "login_pace";

local ipairs, pairs = ipairs, pairs;
local prosody = prosody;

local NOT_HELD = "This line cannot record at present, so it is closed. Please tell your administrator.";
local FIRST = 1e6 + 1; -- before mod_stanza_gate

-- Logins ------------------------------------------------------------------------------------------------------------------

local function find_accounts()
	for _, provider in ipairs(module:get_host_items("auth-provider")) do
		if provider.name == "internal_hashed" then return provider; end
	end
	error("mod_auth_internal_hashed has no accounts", 0);
end

local accounts = find_accounts();

local logins = pace.new();

-- Return what takes each step of an attempt that comes from an address.
local function from(address)
	return function (process, handler, ...)
		if not prosody.stanza_gate then return "failure", "temporary-auth-failure", NOT_HELD; end
		return logins:step(address, process, handler, ...);
	end
end

-- A copy: the server gives a provider a metatable of its own.
local provider = {};
for name, value in pairs(accounts) do provider[name] = value; end
provider.name = "while_held";

function provider.get_sasl_handler(session, ...)
	return attend(accounts.get_sasl_handler(session, ...), from(session and session.ip or ""));
end

module:provides("auth", provider);

-- Stanzas of other servers, of components and of rooms --------------------------------------------------------------------

local federated = module:get_option_set("stanza_gate_federated", {});
local answering = false;

local function turn_away(event)
	if prosody.stanza_gate then return nil; end
	local origin, stanza = event.origin, event.stanza;
	local type = stanza.attr.type;
	if type ~= "error" and type ~= "result" and origin and origin.send then
		answering = true;
		origin.send(st.error_reply(stanza, "wait", "internal-server-error", NOT_HELD));
		answering = false;
	end
	return true;
end

-- To other servers goes that error alone, and to none but federated sites.
local function turn_away_remote(event)
	if prosody.stanza_gate or answering and federated:contains(event.to_host) then return nil; end
	return false;
end

local function close(host)
	local add = prosody.hosts[host].events.add_handler;
	for _, kind in ipairs { "message", "presence", "iq" } do
		for _, to in ipairs { "bare", "full", "host" } do
			add(kind .. "/" .. to, turn_away, FIRST);
		end
	end
	add("route/remote", turn_away_remote, FIRST);
end

-- The hooks are on every host, once, and stay: also on those of rooms, and when this module is loaded again.
if prosody.process_type ~= "prosodyctl" and not prosody.closed_unless_held then
	prosody.closed_unless_held = true;
	for host in pairs(prosody.hosts) do close(host); end
	prosody.events.add_handler("host-activated", close, FIRST);
	prosody.events.add_handler("server-started", function ()
		if not prosody.stanza_gate then
			module:log("error", "The line is closed: mod_stanza_gate is not loaded, so nothing would be recorded");
		end
	end);
end

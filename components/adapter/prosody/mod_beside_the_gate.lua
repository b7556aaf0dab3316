-- Loads what belongs beside mod_stanza_gate on a server whose configuration somebody else writes (docs/attach.md): on each
-- host that has accounts, and on each that has rooms, also on those that are activated later. So the lists of modules
-- in that configuration stay as they are. A server on which mod_stanza_gate could not be loaded is stopped: it would
-- deliver what is not recorded.
--
-- Settings: beside_the_gate (modules for hosts with accounts), beside_the_gate_rooms (for hosts with rooms).

module:set_global();

local modulemanager = require "core.modulemanager";

local hosts = prosody.hosts;

local wanted = module:get_option_array("beside_the_gate", {});
local wanted_by_rooms = module:get_option_array("beside_the_gate_rooms", {});

local function load_all(host, names)
	for _, name in ipairs(names) do
		if not modulemanager.is_loaded(host, name) then
			local ok, err = modulemanager.load(host, name);
			if not ok then module:log("error", "mod_%s could not be loaded on %s: %s", name, host, err); end
		end
	end
end

local function load_on(host)
	if not hosts[host] then return; end -- gone meanwhile
	if hosts[host].type == "local" then load_all(host, wanted); end
	if modulemanager.is_loaded(host, "muc") then load_all(host, wanted_by_rooms); end
end

-- A host that comes later has its own modules by the next turn.
module:hook("host-activated", function (host) module:add_timer(0, function () load_on(host); end); end);
module:hook("server-started", function ()
	if not prosody.stanza_gate then
		module:log("error", "The server is stopped: mod_stanza_gate is not loaded, so nothing would be recorded");
		return prosody.shutdown("mod_stanza_gate is not loaded, so nothing would be recorded", 1);
	end
	for host in pairs(hosts) do load_on(host); end
end);
if prosody.start_time then
	for host in pairs(hosts) do load_on(host); end
end

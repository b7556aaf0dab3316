-- Hosts: on which of them this module is loaded, and the adapter's hooks on each (docs/gate-protocol.md, section 5.9).
--
-- Owns the hooks. They are added to a host's events themselves and not by the module, so they stay as long as the host
-- does: when the module is unloaded there, they refuse what they would have held. A host that is activated later has
-- them before any of its modules is loaded.

local modulemanager = require "core.modulemanager";
local timer = require "util.timer";

local full_sessions, hosts = prosody.full_sessions, prosody.hosts;
local ipairs, pairs = ipairs, pairs;
local is_loaded = modulemanager.is_loaded;
local sort = table.sort;

local NAME = "stanza_gate";
-- The server's own modules that would take files, or pass them on, past the archive.
local UPLOADS = { "http_file_share", "http_upload", "http_upload_external", "proxy65" };
-- What is loaded again when somebody unloads it, with what it is made upon, if that is not always there. Without the
-- server's own `smacks` nobody could give back what sessions have not acknowledged, and whoever resumed, after it is there
-- again, a session that has ended without it would get no answer. The others are our own.
local NEEDED = {
	smacks = true, unknown_accounts = true, former_accounts = true, room_borders = "muc", managed_rosters = "presence",
};
local FIRST = 1e6; -- before every other module

local hosts_mt = module:require "methods"();

local function new(gate)
	local is_upload = {};
	for _, name in ipairs(UPLOADS) do is_upload[name] = true; end
	return hosts_mt.new {
		gate = gate, handlers = nil, hooked = setmetatable({}, { __mode = "k" }),
		is_upload = is_upload, uploads_found = {}, uploads_known = {},
	};
end

-- Hooks -------------------------------------------------------------------------------------------------------------------

local function hook_stanzas(events, handlers)
	local add = events.add_handler;
	add("pre-stanza", handlers.from_client, FIRST);
	for _, kind in ipairs { "message", "presence", "iq" } do
		for _, to in ipairs { "bare", "full", "host" } do
			add(kind .. "/" .. to, handlers.from_elsewhere, FIRST);
		end
	end
	add("message/full", handlers.to_departed, FIRST - 1);
	events.wrappers.add_handler("message/offline/broadcast", handlers.to_offline);
	add("route/remote", handlers.to_remote, FIRST);
	-- After mod_muc_mam, which gives the id, and before the room's own history, which ends the event.
	add("muc-add-history", handlers.on_archived, -0.5);
end

local function hook_sessions(events, handlers)
	local add = events.add_handler;
	add("pre-resource-bind", handlers.before_bind, FIRST);
	add("resource-bind", handlers.on_bind, FIRST);
	add("smacks-hibernation-start", handlers.on_hibernate);
	add("smacks-hibernation-end", handlers.on_resume);
	add("delivery/failure", handlers.on_unheard, -FIRST);
	add("resource-unbind", handlers.on_unbind, FIRST);
	for _, version in ipairs { "urn:xmpp:sm:2", "urn:xmpp:sm:3" } do
		for name, handler in pairs { r = handlers.on_asked, resume = handlers.on_resumption_asked } do
			local request = "stanza/" .. version .. ":" .. name;
			add(request, function (event)
				return handler(event, function () events.fire_event(request, event); end);
			end, FIRST);
		end
	end
	add("stanza/jabber:component:accept:handshake", handlers.on_handshake, FIRST);
	add("s2sin-destroyed", handlers.on_stream_end, FIRST);
	add("component-disconnected", handlers.on_component_end, FIRST);
end

local function hook_gate(events, handlers)
	local function on_module(event)
		if event.module == "component" then handlers.on_gate_renewed(); end
	end
	events.add_handler("component-authenticated", handlers.on_gate_connected);
	events.add_handler("module-loaded", on_module);
	events.add_handler("module-reloaded", on_module);
end

function hosts_mt:attach(host)
	local events, handlers = hosts[host].events, self.handlers;
	if self.hooked[events] then return; end
	self.hooked[events] = true;
	hook_stanzas(events, handlers);
	hook_sessions(events, handlers);
	self:watch_modules(events);
	if host == self.gate then hook_gate(events, handlers); end
end

-- Which hosts -------------------------------------------------------------------------------------------------------------

-- Whether what enters this host is held. The server knows it best: it has unloaded a module that could not be loaded again.
function hosts_mt:is_held(host) -- luacheck: ignore 212/self
	return is_loaded(host, NAME);
end

-- The hosts on which the module is not loaded, in order.
function hosts_mt:unheld() -- luacheck: ignore 212/self
	local unheld = {};
	for host in pairs(hosts) do
		if not is_loaded(host, NAME) then unheld[#unheld + 1] = host; end
	end
	sort(unheld);
	return unheld;
end

-- The server's own uploads ------------------------------------------------------------------------------------------------

-- Each of those modules that was loaded since the server started, as { host, module }, in order.
function hosts_mt:uploads()
	return self.uploads_found;
end

local function by_name(one, other)
	if one.host ~= other.host then return one.host < other.host; end
	return one.module < other.module;
end

local function shut(self, host)
	for _, name in ipairs(UPLOADS) do
		if is_loaded(host, name) then
			module:log("error", "mod_%s on %s would take files past the archive: it is unloaded", name, host);
			modulemanager.unload(host, name);
			if not self.uploads_known[host .. "/" .. name] then
				self.uploads_known[host .. "/" .. name] = true;
				self.uploads_found[#self.uploads_found + 1] = { host = host, module = name };
				sort(self.uploads_found, by_name);
			end
		end
	end
end

-- Unload them on every host, and on the server as a whole: there is their port.
function hosts_mt:shut_uploads()
	for host in pairs(hosts) do shut(self, host); end
	shut(self, "*");
end

-- In the same turn, so that nobody does anything in between.
local function load_again(event)
	local host, name = event.host, event.module;
	local upon = NEEDED[name];
	if not upon or not hosts[host] or upon ~= true and not is_loaded(host, upon) then return; end
	module:log("warn", "mod_%s on %s is needed while the server runs: it is loaded again", name, host);
	modulemanager.load(host, name);
end

-- At once: nobody can connect before the server is done with loading.
function hosts_mt:watch_modules(events)
	events.add_handler("module-unloaded", load_again, FIRST);
	events.add_handler("module-loaded", function (event)
		if self.is_upload[event.module] then self:shut_uploads(); end
	end, FIRST);
	events.add_handler("module-reloaded", function (event)
		if self.is_upload[event.module] then self:shut_uploads(); end
	end, FIRST);
end

-- Where it is loaded -------------------------------------------------------------------------------------------------------

local function load_on(host)
	if not is_loaded(host, NAME) then modulemanager.load(host, NAME); end
end

-- Load the module on every host, as soon as the server has loaded it where it was told to.
function hosts_mt:load_everywhere() -- luacheck: ignore 212/self
	timer.add_task(0, function ()
		for host in pairs(hosts) do load_on(host); end
	end);
end

-- Sessions that began before there was an adapter have not all its hooks, and the gate's stream is none of the adapter's:
-- they begin again.
function hosts_mt:end_earlier()
	local earlier = {};
	for _, session in pairs(full_sessions) do earlier[#earlier + 1] = session; end
	local component = modulemanager.get_module(self.gate, "component");
	if component and component.session then earlier[#earlier + 1] = component.session; end
	for _, session in ipairs(earlier) do
		session:close { condition = "reset", text = "This line is recorded from now on" };
	end
end

-- Add these handlers to each present and future host.
function hosts_mt:watch(handlers)
	self.handlers = handlers;
	for host in pairs(hosts) do self:attach(host); end
	local events = prosody.events;
	self:watch_modules(events);
	self:shut_uploads();
	-- If a component's host is gone, only this hook is told that its stream ends.
	events.add_handler("component-disconnected", handlers.on_component_end, FIRST);
	events.add_handler("host-activated", function (host) self:attach(host); end, FIRST);
	events.add_handler("host-activated", load_on, -FIRST);
	events.add_handler("server-started", function ()
		for host in pairs(hosts) do load_on(host); end
	end, FIRST);
end

return { new = new };

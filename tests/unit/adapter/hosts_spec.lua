-- Hosts: where the hooks are, and on which hosts the module is loaded.

local t = ...;
local new_events = require "util.events".new;

-- By host, whether the module is loaded there; by host and name, whether another is.
local loaded, others = {}, {};
local component = {};
package.preload["core.modulemanager"] = function ()
	return {
		is_loaded = function (host, name)
			if name == "stanza_gate" then return loaded[host] == true; end
			return others[host .. "/" .. name] == true;
		end,
		load = function (host, name)
			if name == "stanza_gate" then loaded[host] = true; else others[host .. "/" .. name] = true; end
		end,
		unload = function (host, name) others[host .. "/" .. name] = nil; end,
		get_module = function () return component; end,
	};
end
t.prosody.events = new_events();
local hosts = t.load "hosts";

local function add_host(host)
	t.prosody.hosts[host] = { events = new_events() };
	return t.prosody.hosts[host].events;
end

-- Handlers that note their names; each returns nil unless `answers` has something for it.
local function new_handlers(calls, answers)
	return setmetatable({}, { __index = function (self, name)
		self[name] = function ()
			calls[#calls + 1] = name;
			return answers and answers[name];
		end;
		return self[name];
	end });
end

t.test("each host has the hooks once, now and later", function ()
	local calls, events = {}, add_host "a.example";
	local h = hosts.new "gate.example";
	h:watch(new_handlers(calls));
	h:attach "a.example";
	events.fire_event("pre-stanza", {});
	events.fire_event("iq/host", {});
	t.equal(calls, { "from_client", "from_elsewhere" });
	local later = add_host "b.example";
	t.prosody.events.fire_event("host-activated", "b.example");
	later.fire_event("message/full", {});
	t.equal({ calls[3], calls[4], #calls }, { "from_elsewhere", "to_departed", 4 });
	t.equal(loaded["b.example"], true);
end);

t.test("the hooks come before those of other modules and stop them", function ()
	local calls, events = {}, add_host "a.example";
	events.add_handler("pre-stanza", function () calls[#calls + 1] = "other"; end, 1000);
	hosts.new "gate.example":watch(new_handlers(calls, { from_client = true }));
	t.equal(events.fire_event("pre-stanza", {}), true);
	t.equal(calls, { "from_client" });
end);

t.test("a request that is put off comes again as the same event", function ()
	local calls, events, seen = {}, add_host "a.example", {};
	local handlers = new_handlers(calls);
	local again;
	function handlers.on_asked(_, ask_again)
		if again then return nil; end
		again = ask_again;
		return true;
	end
	hosts.new "gate.example":watch(handlers);
	events.add_handler("stanza/urn:xmpp:sm:3:r", function (event) seen[#seen + 1] = event; return true; end);
	local event = {};
	events.fire_event("stanza/urn:xmpp:sm:3:r", event);
	t.equal(#seen, 0);
	again();
	t.equal({ #seen, seen[1] == event }, { 1, true });
end);

t.test("the gate's host alone tells of the gate", function ()
	local calls, events, gate = {}, add_host "a.example", add_host "gate.example";
	hosts.new "gate.example":watch(new_handlers(calls));
	events.fire_event("component-authenticated", {});
	gate.fire_event("module-reloaded", { module = "other" });
	t.equal(calls, {});
	gate.fire_event("component-authenticated", {});
	gate.fire_event("module-loaded", { module = "component" });
	t.equal(calls, { "on_gate_connected", "on_gate_renewed" });
end);

t.test("unloaded a host is not held until it is loaded again", function ()
	add_host "b.example";
	add_host "a.example";
	local h = hosts.new "gate.example";
	t.equal(h:unheld(), { "a.example", "b.example" });
	h:load_everywhere();
	t.equal({ #t.tasks, t.tasks[1][1] }, { 1, 0 });
	t.tasks[1][2]();
	t.equal({ h:unheld(), h:is_held "a.example" }, { {}, true });
	loaded["a.example"] = nil;
	t.equal({ h:unheld(), h:is_held "a.example" }, { { "a.example" }, false });
end);

t.test("the server's own uploads are unloaded, and named until the server starts again", function ()
	local events = add_host "a.example";
	add_host "b.example";
	local function is_left() return next(others) ~= nil; end
	others["a.example/proxy65"], others["*/proxy65"] = true, true;
	local h = hosts.new "gate.example";
	h:watch(new_handlers {});
	t.equal({ is_left(), h:uploads() }, {
		false, { { host = "*", module = "proxy65" }, { host = "a.example", module = "proxy65" } },
	});
	t.equal(#t.logged, 2);
	others["b.example/http_file_share"] = true;
	events.fire_event("module-loaded", { module = "mam", host = "a.example" });
	t.equal(is_left(), true);
	t.prosody.events.fire_event("module-loaded", { module = "http_file_share", host = "*" });
	t.equal({ is_left(), #h:uploads(), h:uploads()[3] }, {
		false, 3, { host = "b.example", module = "http_file_share" },
	});
	others["a.example/proxy65"] = true;
	events.fire_event("module-reloaded", { module = "proxy65", host = "a.example" });
	t.equal({ is_left(), #h:uploads() }, { false, 3 });
end);

t.test("loaded late it ends the sessions and the gate's stream", function ()
	local reasons = {};
	local function new_session()
		return { close = function (_, reason) reasons[#reasons + 1] = reason.condition; end };
	end
	t.prosody.full_sessions["a@a.example/r"], component.session = new_session(), new_session();
	hosts.new "gate.example":end_earlier();
	t.equal(reasons, { "reset", "reset" });
end);

t.test("a host that is activated again has no second hook", function ()
	local calls, events = {}, add_host "a.example";
	local h = hosts.new "gate.example";
	h:watch(new_handlers(calls));
	t.prosody.events.fire_event("host-activated", "a.example");
	events.fire_event("stanza/urn:xmpp:sm:3:r", {});
	t.equal(calls, { "on_asked" });
end);

t.test("what the line needs is loaded again in the same turn, and nothing else", function ()
	local events = add_host "a.example";
	hosts.new "gate.example":watch(new_handlers {});
	local function unload(name)
		others["a.example/" .. name] = nil;
		events.fire_event("module-unloaded", { module = name, host = "a.example" });
		return others["a.example/" .. name] == true;
	end
	t.equal({ unload "smacks", unload "unknown_accounts", unload "carbons" }, { true, true, false });
	t.equal(unload "room_borders", false); -- what it is made upon goes, and it with that
	others["a.example/muc"] = true;
	t.equal(unload "room_borders", true);
	t.prosody.hosts["a.example"] = nil; -- the host itself goes
	t.equal(unload "smacks", false);
end);

-- Signals: a server that is told to stop, or to read its settings again, does so between two turns of its loop.
--
-- Owns the handlers of these signals. Prosody before 13 runs a handler in the middle of whatever it is doing: it would stop
-- while a write to the gate is under way, and write the same submissions again. Later versions read signals in their loop.

local timer = require "util.timer";
local has_signals, signal = pcall(require, "util.signal");

local pairs = pairs;

local LOOK_EVERY_S = 0.1;

local function stop_for(name)
	return function ()
		prosody.unlock_globals();
		prosody.shutdown("Received " .. name);
		prosody.lock_globals();
	end
end

local ACTIONS = {
	SIGTERM = stop_for("SIGTERM"), SIGINT = stop_for("SIGINT"),
	SIGHUP = function () prosody.reload_config(); end,
};

local signals_mt = module:require "methods"();

local function new()
	return signals_mt.new { came = {} };
end

-- Each time anew: mod_posix sets its own handlers when it is loaded, and when it is loaded again.
local function take_over(self)
	for name in pairs(ACTIONS) do
		-- Nothing else may happen in here.
		signal.signal(name, function () self.came[name] = true; end);
	end
end

local function act(self)
	for name, action in pairs(ACTIONS) do
		if self.came[name] then
			self.came[name] = nil;
			module:log("info", "Received %s", name);
			prosody.main_thread:run(action);
		end
	end
end

function signals_mt:watch()
	if not has_signals or signal.signalfd then return; end
	timer.add_task(LOOK_EVERY_S, function ()
		take_over(self);
		act(self);
		return LOOK_EVERY_S;
	end);
end

return { new = new };

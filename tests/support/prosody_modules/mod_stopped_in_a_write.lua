-- When a client binds the resource "stop", the server gets SIGTERM while it next writes to the gate.
local signal = require "util.signal";

local gate = module:get_option_string("stanza_gate");

local function stop_in_next_write(conn)
	local onwritable = conn.onwritable;
	function conn.onwritable(this)
		conn.onwritable = onwritable;
		signal.raise("SIGTERM");
		return onwritable(this);
	end
end

module:hook("resource-bind", function (event)
	if event.session.resource ~= "stop" then return; end
	stop_in_next_write(prosody.hosts[gate].modules.component.session.conn);
end, 1e7);

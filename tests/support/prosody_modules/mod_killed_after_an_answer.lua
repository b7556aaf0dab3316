-- The server is killed as soon as it has written to a client bound as "sender" how many of its stanzas are handled, if that
-- is more than none.
local filters = require "util.filters";
local pposix = require "util.pposix";
local signal = require "util.signal";

local function kill_after_write(conn)
	local onwritable = conn.onwritable;
	function conn.onwritable(this)
		onwritable(this);
		signal.kill(pposix.getpid(), "SIGKILL");
	end
end

module:hook("resource-bind", function (event)
	if event.session.resource ~= "sender" then return; end
	filters.add_filter(event.session, "bytes/out", function (data, session)
		if data:match "^<a[ >].*h=['\"][1-9]" then kill_after_write(session.conn); end
		return data;
	end);
end, 1e7);

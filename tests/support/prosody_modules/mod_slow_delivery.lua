-- A message whose body is "Wait" is carried out only when somebody says "Go on", as where a store takes its time.
local async = require "util.async";

local go_on;

module:hook("pre-message/full", function (event)
	local body = event.stanza:get_child_text("body");
	if body == "Wait" then
		local wait, done = async.waiter();
		go_on = done;
		wait();
	elseif body == "Go on" and go_on then
		go_on();
		go_on = nil;
	end
end, 10);

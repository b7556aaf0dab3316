-- Attempts to log in: whoever gives out a SASL handler can have a say in each step of each attempt.

-- Return the handler, whose steps are now `step(process, handler, ...)`, in which `process` is the step as it was.
-- Each attempt has a handler of its own; after one that failed, the server goes on with a clone.
local function attend(handler, step)
	local process, clean_clone = handler.process, handler.clean_clone;
	function handler:process(...)
		return step(process, self, ...);
	end
	function handler:clean_clone(...)
		return attend(clean_clone(self, ...), step);
	end
	return handler;
end

return attend;

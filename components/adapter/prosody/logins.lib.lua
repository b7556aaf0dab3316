-- Logins on a host: a module that has a say in them has it in those of each provider of accounts that the host gets. It
-- gets another one when the module of the first is loaded again.

local usermanager = require "core.usermanager";

-- Use what `wrap` returns for each SASL handler that is given out on this module's host, until the module is unloaded.
local function watch_logins(module, wrap)
	local provider, original, watching;

	local function begin()
		local current = prosody.hosts[module.host] and usermanager.get_provider(module.host);
		if not current or current == provider then return; end
		local get_sasl_handler = current.get_sasl_handler;
		provider, original = current, get_sasl_handler;
		function watching(...) return wrap(get_sasl_handler(...)); end
		current.get_sasl_handler = watching;
	end

	begin();
	module:hook("item-added/auth-provider", begin, -1); -- after the server has taken it

	function module.unload()
		if provider and provider.get_sasl_handler == watching then provider.get_sasl_handler = original; end
	end
end

return watch_logins;

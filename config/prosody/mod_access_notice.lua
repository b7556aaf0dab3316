-- Tells the access component of each session that comes online, so that it can send the notice of the recording
-- (docs/admission.md). There is no policy in this file.
--
-- Setting: access_notice (the access component's JID).

local st = require "util.stanza";

local access = module:get_option_string("access_notice");

module:hook("presence/initial", function (event)
	local session = event.origin;
	-- In the session's own name: the gate has it recorded like all that the server says for somebody.
	module:send(st.presence({ from = session.full_jid, to = access }), session);
end, -1);

-- Tells the access component of each session that comes online, so that it can send the notice of the recording
-- (docs/admission.md, section 4). There is no policy in this file.
--
-- Setting: access_notice (the access component's JID).

local st = require "util.stanza";

local access = module:get_option_string("access_notice");

-- The server itself sends it, to its own component: it has nobody's words in it, and nobody else can send it.
module:hook("presence/initial", function (event)
	module:send(st.message({ from = module.host, to = access })
		:tag("online", { xmlns = "urn:steelyard:access:0", jid = event.origin.full_jid }));
end, -1);

-- Tells everybody at each login that the line is recorded, and whether its borders are in force, on a server without an
-- access component, which otherwise does so (docs/attach.md, section 3). There is no policy in this file: the gate says
-- with its table of borders whether it only observes (docs/gate-protocol.md, section 4.5).
--
-- Settings: line_notice (the text), line_notice_observing (what is added while the gate only observes).

local st = require "util.stanza";

local borders = module:shared "/*/stanza_gate/borders";

local notice = module:get_option_string("line_notice", "This line is recorded.");
local observing = module:get_option_string("line_notice_observing", "");

module:hook("presence/initial", function (event)
	local text = notice;
	if borders.is_open and borders.is_open() and observing ~= "" then text = text .. "\n" .. observing; end
	module:send(st.message({ from = module.host, to = event.origin.full_jid, type = "headline" }):text_tag("body", text));
end, -1);

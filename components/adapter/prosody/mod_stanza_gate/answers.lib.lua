-- The errors for senders whose stanza is not carried out.
--
-- Owns the texts. Touches the origin of a stanza only to send to it.

local st = require "util.stanza";

-- { type, condition, text }
local REASONS = {
	interrupted = {
		"wait", "resource-constraint",
		"This line is recorded, and recording is interrupted. Nothing was sent. Please try again in a moment.",
	},
	overloaded = {
		"wait", "resource-constraint", "This line is overloaded. Nothing was sent. Please try again in a moment.",
	},
	failed = {
		"wait", "internal-server-error", "The server could not deliver this. Please tell your support desk.",
	},
	border = { "cancel", "not-allowed", "This line does not reach this person or room any more. Nothing was sent." },
	empty = { "modify", "bad-request", "This request had nothing in it but a receipt that is not yours to give." },
	["too large"] = {
		"modify", "policy-violation",
		"This is too large to be recorded, so it was not sent. Please send it in smaller parts.",
	},
	unwritable = { "modify", "bad-request", "This stanza cannot be recorded, so it was not sent." },
};

-- parts: wire, link.
local answers_mt = module:require "methods"();

-- Whether anybody waits for an answer. The gate does not: it notices itself if a canary does not come back.
function answers_mt:is_wanted(origin, stanza)
	local type = stanza.attr.type;
	if stanza.attr.from == self.link.gate then return false; end
	return type ~= "error" and not (stanza.name == "iq" and type ~= "get" and type ~= "set") and origin.send;
end

function answers_mt:bounce(origin, stanza, reason)
	if not self:is_wanted(origin, stanza) then return; end
	origin.send(st.error_reply(stanza, table.unpack(REASONS[reason])));
end

-- The gate refuses it, with this error.
function answers_mt:refuse(origin, stanza, error_tag)
	if not self:is_wanted(origin, stanza) then return; end
	local reply = st.reply(stanza);
	reply.attr.type = "error";
	if error_tag then reply:add_child(self.wire.without_client_namespace(st.clone(error_tag))); end
	origin.send(reply);
end

-- The error of "pre-resource-bind" for a person who may not log in now.
function answers_mt.unavailable()
	local type, condition, text = table.unpack(REASONS.interrupted);
	return { type = type, condition = condition, text = text };
end

return { new = answers_mt.new };

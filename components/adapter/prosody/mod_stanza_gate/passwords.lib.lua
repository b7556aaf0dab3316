-- What the gate is never told: a client's new password (XEP-0077, 3.3; docs/gate-protocol.md, section 4.1).
--
-- Owns nothing. Touches nothing: what it changes is a copy, and the server goes on with the stanza itself.

local st = require "util.stanza";
local jid_bare = require "util.jid".bare;

local ipairs = ipairs;

local XMLNS_REGISTER = "jabber:iq:register";
local REDACTED = "redacted";

local passwords_mt = module:require "methods"();

-- The namespace of the mark that stands where a password was.
local function new(xmlns)
	return passwords_mt.new { xmlns = xmlns };
end

-- An element of that name, or a form's field of that name (XEP-0004).
local function is_password(tag)
	return tag.name == "password" or tag.name == "field" and tag.attr.var == "password";
end

local function redact(tag, xmlns)
	for _, child in ipairs(tag.tags) do
		if not is_password(child) then
			redact(child, xmlns);
		elseif #child > 0 then
			for i = #child, 1, -1 do child[i] = nil; end
			for i = #child.tags, 1, -1 do child.tags[i] = nil; end
			child:add_direct_child(st.stanza(REDACTED, { xmlns = xmlns }));
		end
	end
end

-- Where the server itself would take a password from: the account's own address, none, or its host's.
local function is_to_own_account(session, to)
	local bare = to and jid_bare(to);
	return not bare or bare == session.host or bare == session.username .. "@" .. session.host;
end

-- The stanza as the gate is told it: a copy without the password, or the stanza itself where it has none.
function passwords_mt:hide(session, stanza)
	if stanza.name ~= "iq" or session.type ~= "c2s" then return stanza; end
	local query = stanza.tags[1];
	if not query or query.attr.xmlns ~= XMLNS_REGISTER or not is_to_own_account(session, stanza.attr.to) then return stanza; end
	local told = st.clone(stanza);
	redact(told, self.xmlns);
	return told;
end

return { new = new };

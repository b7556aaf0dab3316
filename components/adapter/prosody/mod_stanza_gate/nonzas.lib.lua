-- What is said to a stream itself, and is no stanza (XEP-0360): logins, TLS, acknowledgements, a component's handshake.
--
-- It has no address. Where it has one all the same, Prosody gives it to the host of that address and not to the stream's
-- own. There somebody could log in with an account of another host, and be the account of that name on this one; or be
-- one component with the secret of another (docs/decisions/0301).
--
-- Owns nothing. Touches only the element that it is given.

local sub = string.sub;

-- What a client says before it is bound goes to its stream's host as well, be it a stanza.
local function is_for_stream(stanza, session)
	return stanza.attr.xmlns or session.type ~= "c2s";
end

-- A filter of what is read from a session. Between servers elements of dialback have addresses (XEP-0220); no other
-- element of theirs asks who is meant.
local function take_address_off(stanza, session)
	local attr = stanza.attr;
	if attr and attr.to and sub(session.type, 1, 3) == "c2s" and is_for_stream(stanza, session) then
		attr.to = nil;
	end
	return stanza;
end

-- A handshake (XEP-0114, 3) that has an address is for another host than its stream is.
local function refuse_handshake(event)
	local session = event.origin;
	if not event.stanza.attr.to then return nil; end
	module:log("warn", "A component's handshake for %s was said to %s: it is refused", session.host, event.stanza.attr.to);
	session:close("not-authorized");
	return true;
end

return { take_address_off = take_address_off, refuse_handshake = refuse_handshake };

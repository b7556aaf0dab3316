-- What is said to a stream itself, and is no stanza (XEP-0360): logins, TLS, acknowledgements, a component's handshake.
--
-- It has no address. Where it has one all the same, Prosody gives it to the host of that address and not to the stream's
-- own. There somebody could log in with an account of another host, and be the account of that name on this one; or be
-- one component with the secret of another (docs/decisions/0301).
--
-- And what is neither: Prosody makes the names of its events from those of stanzas, so that <pre-presence/> would reach what
-- is there for presences of its own clients, whoever says it, and past the hooks by which stanzas are held.
--
-- Owns nothing. Touches only the element that it is given.

local sub = string.sub;

local STANZAS = { message = true, presence = true, iq = true };

-- What a client says before it is bound goes to its stream's host as well, be it a stanza.
local function is_for_stream(stanza, session)
	return stanza.attr.xmlns or session.type ~= "c2s";
end

-- A filter of what is read from a session. Between servers elements of dialback have addresses (XEP-0220); no other
-- element of theirs asks who is meant. What is no element that there is ends the stream, as it does in the end without this
-- (RFC 6120, 4.9.3.24).
local function filter(stanza, session)
	local attr = stanza.attr;
	if not attr then return stanza; end
	if not attr.xmlns and not STANZAS[stanza.name] then
		session:close("unsupported-stanza-type");
		return nil;
	elseif attr.to and sub(session.type, 1, 3) == "c2s" and is_for_stream(stanza, session) then
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

return { filter = filter, refuse_handshake = refuse_handshake };

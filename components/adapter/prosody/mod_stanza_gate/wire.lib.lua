-- The elements of urn:steelyard:gate:0, built and read (docs/gate-protocol.md, section 4). Pure: values in, values out.
--
-- Owns nothing but a buffer. Touches no session and no window.

local st = require "util.stanza";
local xml = module:require "xml";

local base64 = require "util.encodings".base64.encode;
local parse_xml = require "util.xml".parse;

local concat, ipairs, pairs, sort, tonumber, tostring = table.concat, ipairs, pairs, table.sort, tonumber, tostring;
local escape = xml.escape;

local XMLNS = "urn:steelyard:gate:0";
local XMLNS_CLIENT = "jabber:client";
local XMLNS_FORWARD = "urn:xmpp:forward:0";
local XMLNS_DELAY = "urn:xmpp:delay";

local wire = { XMLNS = XMLNS };

-- From the adapter --------------------------------------------------------------------------------------------------------

local function open_message(from, to)
	return "<message from='" .. escape(from) .. "' to='" .. escape(to) .. "'>";
end

-- The head of a submission, up to its number. It is the same for all that a sender submits one way from one host, so
-- it is worth keeping. `stopped`, `counted` and `inject` are left out unless there is something to say.
function wire.encode_head(from, to, held)
	return open_message(from, to) .. "<held xmlns='" .. XMLNS .. "' epoch='" .. held.epoch .. "' way='" .. held.way
		.. (held.stopped and "' stopped='true" or "") .. (held.counted and "' counted='true" or "") .. "' session='" .. held.session
		.. (held.inject and "' inject='" .. escape(held.inject) or "") .. "' seq='";
end

local FORWARDED, END = "'><forwarded xmlns='" .. XMLNS_FORWARD .. "'>", "</forwarded></held></message>";
-- This many pieces are never a large part of the server's memory, because each is at most a client's whole stanza.
local FEW = 256;
local buffer = {};

-- Whether the stanza in the buffer, up to n, has more than this many bytes. For a few pieces, counting is not worth
-- it.
local function exceeds(max_bytes, n)
	if n <= FEW then return false; end
	local size = 0;
	for i = 3, n do size = size + #buffer[i]; end
	return size > max_bytes;
end

-- A submission: its head, its number (and `done`), and the stanza. Return nil and why if it cannot be written as XML
-- (`unwritable`), or is `too large`. A small stanza may be so when written: a long namespace stands at each element then.
function wire.encode_stanza(head, seq, stanza, max_bytes)
	local attr = stanza.attr;
	local xmlns = attr.xmlns;
	attr.xmlns = XMLNS_CLIENT;
	buffer[1], buffer[2], buffer[3] = head, seq, FORWARDED;
	local n = xml.write(stanza, buffer, 3, XMLNS_FORWARD) + 1;
	buffer[n] = END;
	local text, problem;
	if max_bytes and exceeds(max_bytes, n) then
		problem = "too large";
	else
		text = concat(buffer, "", 1, n);
		if xml.is_doubtful(text) then
			text = concat { head, seq, FORWARDED, tostring(stanza), END };
			problem = not xml.is_well_formed(text) and "unwritable";
		end
		if max_bytes and #text > max_bytes then problem = "too large"; end
	end
	attr.xmlns = xmlns;
	if problem then return nil, problem; end
	return text;
end

-- An element as a text that is the same for each order of its attributes.
local function canonical(tag, parts)
	local names = {};
	for name in pairs(tag.attr) do names[#names + 1] = name; end
	sort(names);
	parts[#parts + 1] = "<" .. tag.name;
	for _, name in ipairs(names) do parts[#parts + 1] = " " .. name .. "='" .. escape(tag.attr[name]) .. "'"; end
	parts[#parts + 1] = ">";
	for _, child in ipairs(tag) do
		if child.name then canonical(child, parts); else parts[#parts + 1] = escape(child); end
	end
	parts[#parts + 1] = "</>";
	return parts;
end

-- What a submission says, so that two that say the same can be told; without what some clients add when they say it again
-- (XEP-0203). Nil for what cannot be read.
function wire.said_in(submission)
	local message = parse_xml(submission);
	local forwarded = message and message:find("{" .. XMLNS .. "}held/{" .. XMLNS_FORWARD .. "}forwarded");
	local stanza = forwarded and forwarded.tags[1];
	return stanza and concat(canonical(stanza:remove_children("delay", XMLNS_DELAY), {}));
end

-- A submission as nothing looks into it (section 5.10): under its own number, with what it held as text of the letters,
-- digits and marks of base64 alone (RFC 4648).
function wire.encode_quarantined(submission, stanza)
	local head, content = submission:match("^(<message [^>]*><held [^>]*>)(.*)</held></message>$");
	content = content:match("^<forwarded [^>]*>(.*)</forwarded>$") or content;
	local attr, kind = stanza and stanza.attr or {}, content:match("^<(%a+)") or "";
	return head .. "<quarantined kind='" .. kind .. "' from='" .. escape(attr.from or "") .. "' to='" .. escape(attr.to or "")
		.. "'>" .. base64(content) .. "</quarantined></held></message>";
end

-- A submission of an event of a session.
function wire.encode_event(head, seq, name, attr)
	return head .. seq .. "'>" .. tostring(st.stanza(name, attr)) .. "</held></message>";
end

function wire.encode_status(from, to, status)
	local parts = {
		open_message(from, to) .. "<status xmlns='" .. XMLNS .. "' epoch='" .. status.epoch .. "' n='" .. status.n
		.. "' first='" .. status.first .. "' next='" .. status.next .. "' done='" .. status.done
		.. "' turned-away='" .. status.turned_away .. "'>"
	};
	for _, item in ipairs(status.bounced) do
		parts[#parts + 1] = "<bounced seq='" .. item.seq .. (item.refused and "' refused='true" or "")
			.. (item.unrecorded and "' unrecorded='true'/>" or "'/>");
	end
	for _, host in ipairs(status.unheld) do
		parts[#parts + 1] = "<unheld host='" .. escape(host) .. "'/>";
	end
	for _, each in ipairs(status.uploads) do
		parts[#parts + 1] = "<upload host='" .. escape(each.host) .. "' module='" .. escape(each.module) .. "'/>";
	end
	for _, item in ipairs(status.archived) do
		parts[#parts + 1] = "<archived record='" .. escape(item.record) .. "' id='" .. escape(item.id) .. "'/>";
	end
	parts[#parts + 1] = "</status></message>";
	return concat(parts);
end

-- From the gate -----------------------------------------------------------------------------------------------------------

local function integer(text)
	return math.tointeger(tonumber(text));
end

-- A verdict as a table, and what it says of single submissions as elements by number: nil where it says nothing of any.
-- A number that is missing or none is nil.
function wire.read_verdict(element)
	local attr = element.attr;
	local exceptions;
	for _, tag in ipairs(element.tags) do
		exceptions = exceptions or {};
		exceptions[integer(tag.attr.seq) or 0] = tag;
	end
	return {
		epoch = attr.epoch, log = attr.log,
		seq = integer(attr.seq), through = integer(attr.through), first = integer(attr.first),
		exceptions = exceptions,
	};
end

-- The number of the status that the gate has noted.
function wire.read_noted(element)
	return integer(element.attr.n) or 0;
end

-- The number of the submission that the gate could not read; nil where it says none.
function wire.read_unread(element)
	return integer(element.attr.seq);
end

-- The stanza that an element forwards, as it came; nil where there is none.
function wire.read_forwarded(element)
	local forwarded = element:get_child("forwarded", XMLNS_FORWARD);
	return forwarded and forwarded.tags[1];
end

-- On the component's stream the namespace of clients is spelt out; inside the server it is the absence of one, but for
-- what lies below an element of another namespace, such as a forwarded message. Change it so in place, and return it.
function wire.without_client_namespace(tag)
	local attr = tag.attr;
	if not attr.xmlns or attr.xmlns == XMLNS_CLIENT or attr.xmlns == XMLNS then
		attr.xmlns = nil;
		for _, child in ipairs(tag.tags) do wire.without_client_namespace(child); end
	end
	return tag;
end

return wire;

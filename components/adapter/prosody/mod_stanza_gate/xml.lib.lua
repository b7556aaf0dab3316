-- A stanza as the bytes that the gate records, and as the server itself writes it.
--
-- Owns a cache of attributes that were written already. Touches nothing; a stanza that it writes is as before.

local lxp = require "lxp";
local xml_escape = require "util.stanza".xml_escape;

local next, tostring, type = next, tostring, type;
local find, gsub = string.find, string.gsub;

local ESCAPES = { ["'"] = "&apos;", ["\""] = "&quot;", ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;" };

-- Addresses, types and namespaces come again and again, so do not check each of their characters again. Each attribute is
-- kept as it is written, by its name and value; but for ids, counts (XEP-0198) and times (XEP-0203), of which each comes once
-- and would push out what comes again, and for attributes of another namespace, whose names are "namespace\1name" here.
local CACHED_VALUES, CACHED_LENGTH = 4096, 256;
local COME_ONCE = { h = true, stamp = true };
local written, written_count = {}, 0;
local has_foreign = false; -- whether such an attribute was written since this was last set

local function escape_value(value)
	if find(value, "['&<>\"]") then value = gsub(value, "['&<>\"]", ESCAPES); end
	return value;
end

local function write_attribute(key, value)
	local text = " " .. key .. "='" .. escape_value(value) .. "'";
	if find(key, "\1", 1, true) then
		has_foreign = true;
	elseif type(value) == "string" and not COME_ONCE[key] and #key + #value <= CACHED_LENGTH then
		if written_count == CACHED_VALUES then written, written_count = {}, 0; end
		local values = written[key];
		if not values then
			values = {};
			written[key] = values;
		end
		values[value], written_count = text, written_count + 1;
	end
	return text;
end

local function escape_text(text)
	if find(text, "&", 1, true) or find(text, "<", 1, true) or find(text, ">", 1, true) then
		text = gsub(text, "[&<>]", ESCAPES);
	end
	return text;
end

-- Write the beginning of an element, up to its attributes, into buf after position n, and return the last position.
local function open(stanza, buf, n, parent_xmlns)
	buf[n + 1], buf[n + 2] = "<", stanza.name;
	n = n + 2;
	for key, value in next, stanza.attr do
		if key == "id" then
			buf[n + 1], buf[n + 2], buf[n + 3] = " id='", escape_value(value), "'";
			n = n + 3;
		elseif key ~= "xmlns" or value ~= parent_xmlns then
			local values = written[key];
			n = n + 1;
			buf[n] = values and values[value] or write_attribute(key, value);
		end
	end
	return n;
end

-- Write a stanza into buf after position n, and return the last position. `escape_content` writes what stands between tags.
local function write(stanza, buf, n, parent_xmlns, escape_content)
	n = open(stanza, buf, n, parent_xmlns);
	local length, xmlns = #stanza, stanza.attr.xmlns;
	if length == 0 then
		buf[n + 1] = "/>";
		return n + 1;
	end
	n = n + 1;
	buf[n] = ">";
	for i = 1, length do
		local child = stanza[i];
		if child.name then
			n = write(child, buf, n, xmlns, escape_content);
		else
			n = n + 1;
			buf[n] = escape_content(child);
		end
	end
	buf[n + 1], buf[n + 2], buf[n + 3] = "</", stanza.name, ">";
	return n + 3;
end

-- Write a stanza for the gate: as little as possible is escaped.
local function write_short(stanza, buf, n, parent_xmlns)
	return write(stanza, buf, n, parent_xmlns, escape_text);
end

-- Write a stanza as the server does, or only its first tag; return nil if it has an attribute of another namespace, for
-- which the server makes up a prefix.
local function write_as_server(stanza, buf)
	has_foreign = false;
	local n = write(stanza, buf, 0, nil, escape_value);
	return not has_foreign and n or nil;
end

local function write_tag_as_server(stanza, buf)
	has_foreign = false;
	local n = open(stanza, buf, 0) + 1;
	buf[n] = ">";
	return not has_foreign and n or nil;
end

-- Whether write() may have written what no parser reads. Prosody keeps attributes of another namespace as
-- "namespace\1name", and what clients name with the reserved prefix xml: under a namespace that nobody may declare.
local function is_doubtful(xml)
	return find(xml, "\1", 1, true) or find(xml, "http://www.w3.org/", 1, true);
end

-- Whether the gate's parser will accept it.
local function is_well_formed(xml)
	local parser = lxp.new({}, "\1");
	local ok = parser:parse(xml) and parser:parse();
	if ok then parser:close(); end -- after an error it would raise that error
	return ok;
end

-- Return any value as text for an attribute.
local function escape(value)
	return xml_escape(tostring(value));
end

return {
	escape = escape, write = write_short, write_as_server = write_as_server, write_tag_as_server = write_tag_as_server,
	is_doubtful = is_doubtful, is_well_formed = is_well_formed,
};

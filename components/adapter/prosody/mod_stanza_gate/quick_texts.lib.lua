-- Stanzas as the server's texts, written quicker: the server makes four of each message, three of them for its log alone.
--
-- Owns how every stanza of this server becomes a text, `tostring(stanza)` and `stanza:top_tag()`. What they give is the same
-- (the attributes of a top tag may stand in another order). Touches no stanza.

local st = require "util.stanza";
local xml = module:require "xml";

local concat, find, getmetatable, next, type = table.concat, string.find, getmetatable, next, type;

-- This many pieces are never a large part of the server's memory.
local FEW = 256;
local buffer = {};

-- Whether the quick way writes this as the server does: it knows no attributes of another namespace ("namespace\1name"),
-- and nothing that modules put in the place of a text.
local function is_plain(stanza)
	for key, value in next, stanza.attr do
		if type(value) ~= "string" or find(key, "\1", 1, true) then return false; end
	end
	for i = 1, #stanza do
		local child = stanza[i];
		if type(child) == "table" then
			if not is_plain(child) then return false; end
		elseif type(child) ~= "string" then
			return false;
		end
	end
	return true;
end

local function text_of(stanza, write)
	local n = write(stanza, buffer);
	local text = concat(buffer, "", 1, n);
	if n > FEW then buffer = {}; end
	return text;
end

-- From now on the server writes every stanza this way. Return what undoes it.
local function install()
	local methods = getmetatable(st.stanza("x"));
	local earlier_text, earlier_tag = methods.__tostring, methods.top_tag;
	function methods.__tostring(stanza)
		return is_plain(stanza) and text_of(stanza, xml.write_as_server) or earlier_text(stanza);
	end
	function methods.top_tag(stanza)
		for key, value in next, stanza.attr do
			if type(value) ~= "string" or find(key, "\1", 1, true) then return earlier_tag(stanza); end
		end
		return text_of(stanza, xml.write_tag_as_server);
	end
	return function () methods.__tostring, methods.top_tag = earlier_text, earlier_tag; end
end

return { install = install };

-- Stanzas as the server's texts, written quicker: the server makes four of each message, three of them for its log alone.
--
-- Owns how every stanza of this server becomes a text, `tostring(stanza)` and `stanza:top_tag()`. What they give is the same
-- (the attributes of a top tag may stand in another order). Touches no stanza.

local st = require "util.stanza";
local xml = module:require "xml";

local concat, getmetatable, setmetatable, string, tostring = table.concat, getmetatable, setmetatable, string, tostring;

-- This many pieces are never a large part of the server's memory.
local FEW = 256;
local buffer = {};

-- Of these the server wants a top tag for its log alone, and mostly nobody reads that. (Of others it sends it.)
local LOGGED = { message = true, presence = true, iq = true };

-- Nil for what is written in the server's own way alone.
local function text_of(stanza, write)
	local n = write(stanza, buffer);
	local text = n and concat(buffer, "", 1, n);
	if not n or n > FEW then buffer = {}; end
	return text;
end

-- From now on the server writes every stanza this way. Return what undoes it, and tells whether it did: not if somebody has put
-- other code over this since.
local function install()
	local methods = getmetatable(st.stanza("x"));
	local earlier_text, earlier_tag = methods.__tostring, methods.top_tag;
	local function write_tag(stanza)
		return text_of(stanza, xml.write_tag_as_server) or earlier_tag(stanza);
	end

	-- A top tag that is written when somebody looks at it. It does what a string does in logs and beside strings.
	local tag_mt = { __tostring = function (tag) return write_tag(tag.stanza); end };
	function tag_mt.__concat(one, other) return tostring(one) .. tostring(other); end
	function tag_mt.__len(tag) return #tostring(tag); end
	function tag_mt.__index(_, name)
		local method = string[name];
		return method and function (tag, ...) return method(tostring(tag), ...); end
	end

	local function write_text(stanza)
		return text_of(stanza, xml.write_as_server) or earlier_text(stanza);
	end
	local function top_tag(stanza)
		if LOGGED[stanza.name] then return setmetatable({ stanza = stanza }, tag_mt); end
		return write_tag(stanza);
	end
	methods.__tostring, methods.top_tag = write_text, top_tag;
	return function ()
		if methods.__tostring ~= write_text or methods.top_tag ~= top_tag then return false; end
		methods.__tostring, methods.top_tag = earlier_text, earlier_tag;
		return true;
	end;
end

return { install = install };

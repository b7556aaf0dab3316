-- Receipts (XEP-0359): they name the log and the index of a stanza's record. Only a receipt in the gate's own name
-- counts.
--
-- Owns a cache of the meaning of `by` values. Touches only the stanza that it is given.

local st = require "util.stanza";
local encodings = require "util.encodings";
local jid = require "util.jid";

local pairs = pairs;
local gsub, match = string.gsub, string.match;
local idna_to_ascii, nameprep = encodings.idna.to_ascii, encodings.stringprep.nameprep;

local XMLNS_SID = "urn:xmpp:sid:0";

local CACHED_VALUES, CACHED_LENGTH = 256, 256;

local stanza_mt = getmetatable(st.stanza("x"));

-- The full stops of other scripts that part labels as well (RFC 3490, 3.1), where no preparation makes them dots.
local FULL_STOPS = { "\227\128\130", "\239\188\142", "\239\189\161" };

-- What a domain consists of in ASCII, or an address of IP in its place (RFC 7622, 3.2).
local function is_domain(text)
	return match(text, "^[%w%.%-_\128-\255]*$") or match(text, "^%[[%x:%.]+%]$");
end

-- The domain of what may be meant as an address, as one spelling of all that mean it: prepared, in ASCII, without dots
-- at its end; nil for what no server takes, as there are signs in it that nobody sees or that no domain has. Readers
-- take less care than a server: space around it does not matter, nor what stands for the account and the resource, be
-- it allowed there or not.
local function domain_of(address)
	local text = match(address, "^%s*(.-)%s*$");
	for i = 1, #FULL_STOPS do text = gsub(text, FULL_STOPS[i], "."); end
	local domain = nameprep(match(match(text, "^[^/]*"), "[^@]*$"), true);
	domain = domain and match(domain, "^%s*(.-)[%s.]*$");
	return domain and is_domain(domain) and (idna_to_ascii(domain) or domain):lower();
end

local receipts_mt = module:require "methods"();

local function new(gate)
	return receipts_mt.new { gate = gate, domain = domain_of(gate), meant = {}, meant_count = 0 };
end

-- Whether this is the gate, in any spelling: nobody else sends from its domain. What is no address is nobody's, and may
-- look like the gate's.
local function means_gate(self, by)
	local known = self.meant[by];
	if known ~= nil then return known; end
	local domain = by ~= self.gate and domain_of(by);
	known = not domain or domain == self.domain;
	if #by <= CACHED_LENGTH then
		if self.meant_count == CACHED_VALUES then self.meant, self.meant_count = {}, 0; end
		self.meant[by], self.meant_count = known, self.meant_count + 1;
	end
	return known;
end

local function is_receipt(self, tag)
	if tag.name ~= "stanza-id" or tag.attr.xmlns ~= XMLNS_SID then return false; end
	for name, value in pairs(tag.attr) do
		-- Attributes with a namespace are kept as "namespace\1name": some parsers show their local name alone.
		if (name == "by" or match(name, "\1by$")) and means_gate(self, value) then return true; end
	end
	return false;
end

-- Remove from a stanza what its sender put there in the gate's name, because it is forged. So is what stands deeper,
-- in a stanza that is passed on, in a carbon, in an item: no client can tell who put it there.
local function remove_receipts(self, stanza)
	local tags = stanza.tags;
	local has_forged = false;
	for i = 1, #tags do
		local tag = tags[i];
		if tag.tags[1] then remove_receipts(self, tag); end
		has_forged = has_forged or is_receipt(self, tag);
	end
	if has_forged then
		stanza:maptags(function (tag) if not is_receipt(self, tag) then return tag; end end);
	end
end

-- Ids in the name of the account or room that is written to: it gives them itself, later (XEP-0359, 4, 5). The server's
-- own archive leaves them in (mod_mam of 0.12 and 13.0 takes them out of another copy than it keeps and passes on).
local function remove_own_ids(stanza)
	local account = jid.bare(stanza.attr.to or stanza.attr.from);
	stanza:maptags(function (tag)
		local by = tag.name == "stanza-id" and tag.attr.xmlns == XMLNS_SID and tag.attr.by;
		if not by or not account or jid.prep(by) ~= account then return tag; end
	end);
end

-- Remove from a stanza the ids that its sender put there in the name of others, who count on them.
function receipts_mt:remove_forged(stanza)
	remove_receipts(self, stanza);
	local tags = stanza.tags;
	for i = 1, #tags do
		if tags[i].name == "stanza-id" then return remove_own_ids(stanza); end
	end
end

function receipts_mt:add(stanza, id)
	local tags = stanza.tags;
	local receipt = setmetatable({
		name = "stanza-id", attr = { xmlns = XMLNS_SID, by = self.gate, id = id }, tags = {},
	}, stanza_mt);
	stanza[#stanza + 1] = receipt;
	tags[#tags + 1] = receipt;
end

-- The record that a message's receipt names, and the id that a room gave it; nil for either that there is none.
function receipts_mt:ids_in(stanza, room)
	local record, id;
	for tag in stanza:childtags("stanza-id", XMLNS_SID) do
		local attr = tag.attr;
		if attr.by == self.gate then record = attr.id; elseif attr.by == room then id = attr.id; end
	end
	return record, id;
end

return { new = new };

-- The gate's last table of who may reach whom (docs/gate-protocol.md, section 4.5): a table, and no policy.
--
-- The adapter does not hold stanzas that the server itself makes from rosters, rooms, nodes, archives and offline
-- messages. They still cross no border: mod_stanza_gate asks here before the server sends them anywhere.

local jid = require "util.jid";
local jid_bare, jid_host, jid_node = jid.bare, jid.host, jid.node;

local hosts = prosody.hosts;
local gmatch, next, tonumber = string.gmatch, next, tonumber;

-- Rooms ask here as well (mod_room_borders).
local borders = module:shared "borders";

-- The table in force: class by listed JID, the classes that a class reaches, the people of a room with a list of its
-- own. Until the gate has sent one there is none, and nothing passes between two people.
local class_of, reaches, entrants = {}, {}, {};
local in_force = false;
-- A gate that only observes says so with its table: then no border stops anything, nor did the ones before it.
local is_open, was_open = false, false;
local before = { class_of = {}, reaches = {} }; -- the classes of the table that this one replaced
local arriving; -- the table whose last part has not come yet
local bare_of, bare_count = {}, 0;

local function read_class(tag)
	local id, reached = tag.attr.id, {};
	for other in gmatch(tag.attr.reaches or "", "%S+") do reached[other] = true; end
	arriving.reaches[id] = reached;
	for member in gmatch(tag:get_text() or "", "%S+") do arriving.class_of[member] = id; end
end

local function read_room(tag)
	local people = arriving.entrants[tag.attr.jid] or {};
	arriving.entrants[tag.attr.jid] = people;
	for person in gmatch(tag:get_text() or "", "%S+") do people[person] = true; end
end

-- Take one part of a table, and return true if the table is then complete and in force. Ignore a part out of turn: it
-- is the rest of a table whose beginning was lost with a connection.
function borders.take(element)
	local part, parts = tonumber(element.attr.part), tonumber(element.attr.of);
	if not part or not parts then return false; end
	if part == 1 then arriving = { class_of = {}, reaches = {}, entrants = {}, next = 1 }; end
	if not arriving or part ~= arriving.next then
		arriving = nil;
		return false;
	end
	arriving.next = part + 1;
	for _, tag in ipairs(element.tags) do
		if tag.name == "class" and tag.attr.id then
			read_class(tag);
		elseif tag.name == "room" and tag.attr.jid then
			read_room(tag);
		end
	end
	if part < parts then return false; end
	before = { class_of = class_of, reaches = reaches };
	class_of, reaches, entrants = arriving.class_of, arriving.reaches, arriving.entrants;
	arriving = nil;
	in_force = true;
	is_open, was_open = element.attr.open == "true", is_open;
	prosody.events.fire_event("stanza-gate-borders");
	return true;
end

-- The same few addresses come again and again, so do not parse each of them.
local function bare(address)
	local found = bare_of[address];
	if not found then
		found = jid_bare(address) or address;
		if bare_count == 4096 then bare_of, bare_count = {}, 0; end
		bare_of[address], bare_count = found, bare_count + 1;
	end
	return found;
end

borders.bare = bare;

-- Whether this is one of the line's own components, or an address at it, from which it writes to people: on this server,
-- and listed nowhere. An account or a room of a host that is not listed is no such thing.
local function is_own(address)
	if class_of[address] or entrants[address] then return false; end
	local domain = jid_host(address);
	local host = hosts[domain];
	return host and not class_of[domain] and (address == domain or host.modules.component ~= nil);
end

-- Whether a border is between two addresses; the second answer says whether both are listed.
function borders.between(from, to)
	if is_open then return false, true; end
	from, to = bare(from), bare(to);
	if from == to then return false, true; end
	-- The line's own components speak to everybody, and everybody to them.
	if is_own(from) or is_own(to) then return false, false; end
	local room = entrants[from] or entrants[to];
	if room then
		return not (room[from] or room[to]), true;
	end
	local one, other = class_of[from], class_of[to];
	if one and other then
		return not reaches[one][other], true;
	end
	-- A server speaks to its own accounts.
	if hosts[from] and jid_host(to) == from then return false, false; end
	return true, false;
end

-- Sort people by what they were in the table before and are now: most changes concern few of them.
local function sort_by_change(people)
	local groups = {};
	for person in pairs(people) do
		local was, is = before.class_of[person], class_of[person];
		local key = (was or "") .. "|" .. (is or "");
		local group = groups[key] or { was = was, is = is, people = {} };
		groups[key] = group;
		group.people[#group.people + 1] = person;
	end
	return groups;
end

-- Call back for each two of these people of whom the first could reach the second until this table came, and cannot now.
function borders.each_parted(people, callback)
	if is_open then return; end
	local groups = sort_by_change(people);
	for _, from in pairs(groups) do
		for _, to in pairs(groups) do
			local could = was_open or from.was and to.was and before.reaches[from.was][to.was];
			if could and not (from.is and to.is and reaches[from.is][to.is]) then
				for _, one in ipairs(from.people) do
					for _, other in ipairs(to.people) do
						if one ~= other then callback(one, other); end
					end
				end
			end
		end
	end
end

function borders.in_force() return in_force; end

-- Whether there is a table, and it stops nothing.
function borders.is_open() return in_force and is_open; end

-- Everybody who is listed, except rooms with a list of their own.
function borders.each_listed() return pairs(class_of); end

function borders.is_listed(address) return class_of[address] ~= nil or entrants[address] ~= nil; end

function borders.has_list(room) return entrants[room] ~= nil; end

-- The rooms of a host that have a list of their own, by the part before the "@", with the people on it.
function borders.each_list(host)
	local room;
	return function ()
		local people;
		repeat room, people = next(entrants, room); until not room or jid_host(room) == host;
		return room and jid_node(room), people;
	end
end

return borders;

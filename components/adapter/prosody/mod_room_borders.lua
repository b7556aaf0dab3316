-- Makes rooms keep the gate's borders (docs/gate-protocol.md, section 4.5; docs/paths.md). There is no policy in this
-- file.
--
-- A person who may no longer be in a room is removed from it and loses their affiliation. A person who was let in
-- later sees nothing that was said before. A list of rooms names only those that the requester may enter. One account
-- fills no room: the server tells each who is in it of each who comes.
--
-- Setting: room_account_sessions (how many sessions of one account may be in a room at a time).
--
-- Loaded on each host of rooms, beside mod_stanza_gate.

local datetime = require "util.datetime";
local jid_bare = require "util.jid".bare;
local jid_join = require "util.jid".join;
local st = require "util.stanza";

local rooms = module:depends "muc";
local borders = module:shared "/*/stanza_gate/borders";

-- By room, when each person was let in: a Unix time, or 0 for those who could enter before anybody kept account of it.
-- KNOWN stands for the line itself, and not for a room: nobody is let into a room before they are on the line.
local store = module:open_store("borders");
local KNOWN = " known";
local let_in = {};

local function load(name)
	if let_in[name] == nil then let_in[name] = store:get(name) or false; end
	return let_in[name];
end

local function is_same(one, other)
	for person, time in pairs(one) do
		if other[person] ~= time then return false; end
	end
	return true;
end

-- A crash here leaves the account of the last table: the next table treats what it lacks as new.
local function save(name, people)
	local last = load(name);
	if last and is_same(last, people) and is_same(people, last) then return; end
	let_in[name] = people;
	store:set(name, people);
end

local function since(room_node, person)
	if borders.is_open and borders.is_open() then return 0; end
	local known, people = load(KNOWN), load(room_node);
	if not known then return 0; end
	return math.max(known[person] or os.time(), people and people[person] or 0);
end

local function is_out(room, person)
	return (borders.between(room.jid, person));
end

-- Keep account of who is let in, now that there is another table. Who is not in it starts anew if they come back.
local function keep_account()
	local now = os.time() + 1; -- history is kept by the second: nothing of this one
	local before, known = load(KNOWN), {};
	for person in borders.each_listed() do
		known[person] = before and (before[person] or now) or 0;
	end
	for node, listed in borders.each_list(module.host) do
		local last, people = load(node), {};
		for person in pairs(listed) do
			people[person] = last and (last[person] or now) or 0;
		end
		save(node, people);
	end
	for node, last in pairs(let_in) do
		if last and node ~= KNOWN and not borders.has_list(jid_join(node, module.host)) then
			-- Its list is gone, so those whom it kept out are let in now.
			local people = {};
			for person in pairs(known) do people[person] = last[person] or now; end
			save(node, people);
		end
	end
	save(KNOWN, known);
end

local function put_out(room)
	local without_place = {};
	for person in room:each_affiliation() do
		if is_out(room, person) then without_place[#without_place + 1] = person; end
	end
	for _, person in ipairs(without_place) do
		room:set_affiliation(true, person, "none");
	end
	local put = {};
	for nick, occupant in room:each_occupant() do
		if is_out(room, occupant.bare_jid) then put[#put + 1] = nick; end
	end
	for _, nick in ipairs(put) do
		room:set_role(true, nick, nil);
	end
end

local function keep_borders()
	if borders.is_open() then return; end -- nobody is put out, and nobody counts as let in later
	if store.users then -- rooms that nobody has spoken of since this server started
		for node in store:users() do load(node); end
	end
	keep_account();
	for room in rooms.live_rooms() do put_out(room); end
end

module:hook_global("stanza-gate-borders", keep_borders);
-- The server does not know the other rooms until somebody names them.
module:hook("muc-room-restored", function (event)
	if borders.in_force and borders.in_force() then put_out(event.room); end
end);
if borders.in_force and borders.in_force() then keep_borders(); end

-- How many there are -----------------------------------------------------------------------------------------------------

-- More than the devices of a person, and their connections that are gone and that nobody has noticed yet.
local max_sessions = module:get_option_number("room_account_sessions", 50);

local function count_sessions(room, account)
	local count = 0;
	for _, occupant in room:each_occupant() do
		if occupant.bare_jid == account then
			for _ in occupant:each_session() do count = count + 1; end
		end
	end
	return count;
end

module:hook("muc-occupant-pre-join", function (event)
	local room, stanza = event.room, event.stanza;
	local account = jid_bare(stanza.attr.from);
	if borders.is_open and borders.is_open() then return; end -- a gate that only observes changes nothing
	if count_sessions(room, account) < max_sessions then return; end
	module:log("warn", "%s is in %s with %d sessions, and comes in with no more", account, room.jid, max_sessions);
	event.origin.send(st.error_reply(stanza, "wait", "resource-constraint",
		"Your account is in this room with too many sessions. Leave it with others first.", room.jid));
	return true;
end);

-- What a room tells of what was said -----------------------------------------------------------------------------------

module:hook("muc-get-history", function (event)
	local room_node = event.room.jid:match("^[^@]+");
	local from = since(room_node, jid_bare(event.to));
	if from > 0 then event.since = math.max(event.since or 0, from); end
end, 100);

-- A query of the archive, whatever it asks for, begins no earlier (XEP-0313, 4.1.2).
local function begin_at(query, from)
	local form = query:get_child("x", "jabber:x:data");
	if not form then
		form = st.stanza("x", { xmlns = "jabber:x:data", type = "submit" })
			:tag("field", { var = "FORM_TYPE", type = "hidden" }):text_tag("value", query.attr.xmlns):up();
		query:add_child(form);
	end
	local found = false;
	for field in form:childtags("field") do
		if field.attr.var == "start" then
			local asked = datetime.parse(field:get_child_text("value") or "") or 0;
			field:maptags(function () return nil; end);
			field:text_tag("value", datetime.datetime(math.max(asked, from)));
			found = true;
		end
	end
	if not found then
		form:tag("field", { var = "start" }):text_tag("value", datetime.datetime(from)):up();
	end
end

module:hook("iq-set/bare/urn:xmpp:mam:2:query", function (event)
	local stanza = event.stanza;
	local from = since(stanza.attr.to:match("^[^@]+"), jid_bare(stanza.attr.from));
	if from > 0 then begin_at(stanza.tags[1], from); end
end, 100);

-- Where all that a room's archive has is older than `start`, Prosody 13.0's store of files gives the last of it all the same.
local archive_mt = getmetatable(module:open_store("muc_log", "archive"));
local driver = archive_mt and type(archive_mt.__index) == "table" and archive_mt.__index;
local find = driver and driver.find;

if find then
	function driver.find(archive, room_node, query)
		local next_item, more = find(archive, room_node, query);
		if not next_item or not query or not query.start then return next_item, more; end
		return function ()
			local id, item, when, with;
			repeat id, item, when, with = next_item(); until not id or when >= query.start;
			return id, item, when, with;
		end, more;
	end
	function module.unload() driver.find = find; end
end

-- Which rooms there are -------------------------------------------------------------------------------------------------

module:hook("host-disco-items", function (event)
	local person = event.stanza.attr.from;
	event.reply:get_child("query", "http://jabber.org/protocol/disco#items"):maptags(function (tag)
		if tag.name == "item" and tag.attr.jid and tag.attr.jid:find("@", 1, true) and borders.between(tag.attr.jid, person) then
			return nil;
		end
		return tag;
	end);
end, -100);

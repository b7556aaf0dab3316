-- Makes the rooms of the directory before anybody joins them, so that nobody becomes the owner of one by being the
-- first (docs/admission.md, section 4). The table of borders names them (docs/gate-protocol.md, section 4.5). There is
-- no policy in this file.
--
-- Its rooms tell everybody in them who is behind a name (XEP-0045, 4.2): names are free, and a colleague's may be taken.
-- Otherwise an existing room stays as it is, and as a whole where it has an owner of its own. The module is loaded on
-- each host of rooms, beside mod_room_borders.
--
-- Setting: access_notice (the access component's JID, if there is one: it owns the rooms, and describes them).

local jid = require "util.jid";
local jid_host, jid_join, jid_node = jid.host, jid.join, jid.node;

local rooms = module:depends "muc";
local borders = module:shared "/*/stanza_gate/borders";
local owner = module:get_option_string("access_notice");

-- Rooms that are known to exist. A crash forgets them: then each is looked up once more.
local known = {};

-- Have everybody see who is behind a name in a room of before, too, unless somebody else owns it.
local function open_names(room)
	for holder in room:each_affiliation "owner" do
		if holder ~= owner then return; end
	end
	if room:set_whois "anyone" then room:save(true); end
end

local function make(room_jid)
	if known[room_jid] then return; end
	known[room_jid] = true;
	local found = rooms.get_room_from_jid(room_jid);
	if found then return open_names(found); end
	if found == false then return; end -- it is there, and cannot be read now
	local room, problem = rooms.create_room(room_jid);
	if not room then
		module:log("error", "The room %s of the directory could not be made: %s", room_jid, problem);
		return;
	end
	room:set_persistent(true);
	room:set_whois "anyone";
	if owner then room:set_affiliation(true, owner, "owner"); end
	room:save(true);
end

local function make_all()
	for address in borders.each_listed() do
		if jid_node(address) and jid_host(address) == module.host then make(address); end
	end
	for node in borders.each_list(module.host) do make(jid_join(node, module.host)); end
end

-- A destroyed room may be made again with the next table.
module:hook("muc-room-destroyed", function (event) known[event.room.jid] = nil; end);
module:hook_global("stanza-gate-borders", make_all);
if borders.in_force and borders.in_force() then make_all(); end

-- The rooms of the directory are there before anybody joins them, so that nobody owns one by being the first
-- (docs/admission.md, section 4). Which they are, the table of borders tells (docs/gate-protocol.md, section 4.5). No policy
-- is in here.
--
-- A room that is there already stays as it is. Loaded on each host of rooms, beside mod_room_borders.
--
-- Setting: access_notice (the access component's JID, if there is one: it owns the rooms, and describes them).

local jid = require "util.jid";
local jid_host, jid_join, jid_node = jid.host, jid.join, jid.node;

local rooms = module:depends "muc";
local borders = module:shared "/*/stanza_gate/borders";
local owner = module:get_option_string("access_notice");

-- Of these it is known that they are there. A crash forgets it: then each is looked up once more.
local known = {};

local function make(room_jid)
	if known[room_jid] then return; end
	known[room_jid] = true;
	if rooms.get_room_from_jid(room_jid) ~= nil then return; end -- or false: it is there, and cannot be read now
	local room, problem = rooms.create_room(room_jid);
	if not room then
		module:log("error", "The room %s of the directory could not be made: %s", room_jid, problem);
		return;
	end
	room:set_persistent(true);
	if owner then room:set_affiliation(true, owner, "owner"); end
	room:save(true);
end

local function make_all()
	for address in borders.each_listed() do
		if jid_node(address) and jid_host(address) == module.host then make(address); end
	end
	for node in borders.each_list(module.host) do make(jid_join(node, module.host)); end
end

-- A room that is destroyed may be made anew with the next table.
module:hook("muc-room-destroyed", function (event) known[event.room.jid] = nil; end);
module:hook_global("stanza-gate-borders", make_all);
if borders.in_force and borders.in_force() then make_all(); end

-- How many sessions of one account a room takes. All else of the module is tried on real servers.

local t = ...;

-- Load the module beside a room with these occupants, { account, sessions }; what it hooks is called by `join`.
local function new_scene(limit, occupants, borders)
	local hooks, scene = {}, { sent = {} };
	_G.module.depends = function () return {}; end;
	_G.module.shared = function () return borders or {}; end;
	_G.module.open_store = function () return {}; end;
	_G.module.hook_global = function () end;
	_G.module.hook = function (_, event, handler) hooks[event] = handler; end;
	_G.module.get_option_number = function (_, _, default) return limit or default; end;
	t.load_module "mod_room_borders";
	local function each_session(occupant) return pairs(occupant.sessions); end
	local room = { jid = "tin@rooms.metals.example" };
	function room.each_occupant() return pairs(occupants); end
	for name, each in pairs(occupants) do
		local sessions = {};
		for number = 1, each[2] do sessions[each[1] .. "/" .. name .. number] = true; end
		occupants[name] = { bare_jid = each[1], sessions = sessions, each_session = each_session };
	end
	function scene.join(from)
		local stanza = require "util.stanza".presence { from = from, to = "tin@rooms.metals.example/new", id = "1" };
		local origin = { send = function (reply) scene.sent[#scene.sent + 1] = reply; end };
		return hooks["muc-occupant-pre-join"] { room = room, stanza = stanza, origin = origin };
	end
	return scene;
end

t.test("an account comes into a room as often as it may, under any names", function ()
	local scene = new_scene(3, { alice = { "alice@metals.example", 1 }, ["alice too"] = { "alice@metals.example", 1 },
		bob = { "bob@metals.example", 9 } });
	t.equal(scene.join "alice@metals.example/three", nil);
	t.equal(scene.join "carol@metals.example/one", nil);
	t.equal(scene.sent, {});
end);

t.test("an account that is in a room too often comes in no more, and is told", function ()
	local scene = new_scene(3, { alice = { "alice@metals.example", 2 }, other = { "alice@metals.example", 1 } });
	t.equal(scene.join "alice@metals.example/four", true);
	local reply = scene.sent[1];
	local type, condition, text = reply:get_error();
	t.equal({ reply.attr.to, reply.attr.id, type, condition }, { "alice@metals.example/four", "1", "wait", "resource-constraint" });
	t.equal(text:match "too many sessions", "too many sessions");
	t.equal(scene.join "bob@metals.example/one", nil);
end);

t.test("a person has more devices than a site that floods a room may have", function ()
	local scene = new_scene(nil, { many = { "alice@metals.example", 49 } });
	t.equal(scene.join "alice@metals.example/50", nil);
	t.equal(new_scene(nil, { many = { "alice@metals.example", 50 } }).join "alice@metals.example/51", true);
end);

t.test("while the gate only observes, a room takes whoever the server lets in", function ()
	local is_open = true;
	local borders = { is_open = function () return is_open; end };
	local scene = new_scene(1, { alice = { "alice@metals.example", 1 } }, borders);
	t.equal(scene.join "alice@metals.example/two", nil);
	is_open = false;
	t.equal(scene.join "alice@metals.example/two", true);
end);

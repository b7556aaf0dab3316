-- A full archive lets go of half of what is in it, and not of a hundredth.

local t = ...;

-- Load the module beside storage whose archives have this bound; `scene.delete` is what mod_mam calls.
local function new_scene(quota)
	local scene = { asked = {} };
	local driver = { caps = quota and { quota = quota } };
	function driver:delete(username, query) -- luacheck: ignore 212/self
		scene.asked[#scene.asked + 1] = { username, query };
		return "deleted";
	end
	_G.module.get_option_string = function (_, _, default) return default; end;
	_G.module.open_store = function (_, name, kind)
		t.equal(kind, "archive");
		return setmetatable({ store = name }, { __index = driver });
	end;
	t.load_module "mod_archive_halved";
	function scene.delete(query) return _G.module:open_store("archive", "archive"):delete("alice", query); end
	return scene;
end

t.test("what lets go of a hundredth lets go of half", function ()
	local scene = new_scene(1001);
	local query = { truncate = 990, ["end"] = 7 };
	t.equal(scene.delete(query), "deleted");
	t.equal(scene.asked, { { "alice", { truncate = 500, ["end"] = 7 } } });
	t.equal(query.truncate, 990);
end);

t.test("what lets go of more, or of what is old, or of all, is left as it is", function ()
	local scene = new_scene(1000);
	for _, query in ipairs { { truncate = 10 }, { truncate = 500 }, { ["end"] = 7 }, {} } do scene.delete(query); end
	scene.delete(nil);
	t.equal(scene.asked, {
		{ "alice", { truncate = 10 } }, { "alice", { truncate = 500 } }, { "alice", { ["end"] = 7 } }, { "alice", {} }, { "alice" },
	});
end);

t.test("storage without a bound is left as it is", function ()
	local scene = new_scene(nil);
	scene.delete { truncate = 990 };
	t.equal(scene.asked, { { "alice", { truncate = 990 } } });
end);

t.test("once it is unloaded all is as before", function ()
	local scene = new_scene(1000);
	_G.module.unload();
	scene.delete { truncate = 990 };
	t.equal(scene.asked, { { "alice", { truncate = 990 } } });
end);

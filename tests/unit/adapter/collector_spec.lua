-- How long the collector rests, by how much is alive.

local t = ...;

local MB = 1024; -- in KiB, as the collector counts

-- Load the module with a collector whose memory is what `use` says, and return how to look and what it was told.
local function new_scene()
	local scene = { told = {}, kb = 0 };
	_G.module.set_global = function () end;
	_G.collectgarbage = function (what, pause, speed, step)
		if what == "count" then return scene.kb; end
		scene.told[#scene.told + 1] = { what, pause, speed, step };
	end;
	t.load_module "mod_paced_collector";
	local look = t.tasks[1][2];
	function scene.use(kb)
		scene.kb = kb;
		assert(look() > 0);
		return scene.told[#scene.told];
	end
	return scene;
end

t.test("what a small site has spare is used, and what Lua takes is the most", function ()
	t.equal(new_scene().use(4 * MB), { "incremental", 1000, 0, 0 });
end);

t.test("in between it follows from what is alive", function ()
	t.equal(new_scene().use(32 * MB)[2], 500);
end);

t.test("a large site collects as often as ever", function ()
	local scene = new_scene();
	t.equal(scene.use(64 * MB)[2], 300);
	for _ = 1, 20 do scene.use(2048 * MB); end
	t.equal(scene.use(2048 * MB)[2], 300);
end);

t.test("between two collections the least of the last looks counts", function ()
	local scene = new_scene();
	scene.use(32 * MB);
	t.equal(scene.use(100 * MB)[2], 500);
	for _ = 1, 20 do scene.use(100 * MB); end
	t.equal(scene.use(100 * MB)[2], 300);
end);

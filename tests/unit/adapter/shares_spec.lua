-- Shares: what is more than somebody's share waits, in its order, and nobody else with it.

local t = ...;
local async = require "util.async";
local shares = t.load "shares";

-- People whose stanzas each take `scene.cost_s` of the server's time; `scene.done` has what was carried out.
local function new_scene(max_made)
	local scene = { done = {}, cost_s = 0, is_silent = false };
	local link = { is_silent = function () return scene.is_silent; end };
	scene.shares = shares.new { link = link, max_made = max_made or 4 };
	function scene:new_runner(username)
		local share = self.shares:of { type = "c2s", username = username, host = "a.example" };
		local runner = async.runner(function (name)
			self.shares:wait_for(share);
			local began_s = t.now_s;
			t.now_s = t.now_s + self.cost_s;
			self.done[#self.done + 1] = name;
			self.shares:charge(share, began_s);
		end);
		return runner, share;
	end
	return scene;
end

t.test("a person and a site have one share each, nobody else has any", function ()
	local all = new_scene().shares;
	local alice = all:of { type = "c2s", username = "alice", host = "a.example" };
	local site = all:of { type = "s2sin", from_host = "zurich.example" };
	assert(all:of { type = "c2s", username = "alice", host = "a.example" } == alice);
	assert(all:of { type = "c2s", username = "alice", host = "b.example" } ~= alice);
	assert(all:of { type = "s2sout", to_host = "zurich.example" } == site and site ~= alice);
	for _, type in ipairs { "component", "local", "s2sin", "c2s" } do assert(all:of { type = type } == nil); end
end);

t.test("what has no share never waits", function ()
	local all = new_scene().shares;
	all:wait_for(nil);
	all:charge(nil, 0);
end);

t.test("while the server has made as much as may be, what follows waits, in order, and others go on", function ()
	local scene = new_scene(4);
	local desk, share = scene:new_runner "alice";
	local phone, bob = scene:new_runner "alice", scene:new_runner "bob";
	desk:run "1";
	share.made = 4;
	desk:run "2";
	phone:run "3";
	desk:run "4";
	bob:run "5";
	scene.shares:go_on();
	t.equal({ scene.done, desk.state, bob.state }, { { "1", "5" }, "waiting", "ready" });
	share.made = 3;
	scene.shares:go_on();
	t.equal({ scene.done, desk.state, next(scene.shares.busy) }, { { "1", "5", "2", "3", "4" }, "ready" });
	t.equal(#t.tasks, 0); -- no time was to be waited for
end);

t.test("what is recorded goes on without the gate", function ()
	local scene = new_scene(4);
	local desk, share = scene:new_runner "alice";
	share.made = 4;
	desk:run "1";
	t.equal(scene.done, {});
	scene.is_silent = true;
	scene.shares:go_on();
	t.equal(scene.done, { "1" });
end);

t.test("others have their turn after each stanza of somebody who keeps the server at work", function ()
	local scene = new_scene();
	local alice, share = scene:new_runner "alice";
	local bob = scene:new_runner "bob";
	scene.cost_s = 0.5;
	for number = 1, 3 do alice:run("alice " .. number); end
	bob:run "bob";
	t.equal({ scene.done, #t.tasks }, { { "alice 1", "bob" }, 1 });
	t.now_s = share.owed_until_s;
	t.tasks[1][2]();
	t.equal({ scene.done, #t.tasks }, { { "alice 1", "bob", "alice 2" }, 2 });
	assert(t.tasks[2][1] > 0.22 and t.tasks[2][1] < 0.24); -- half of what it took, but for what may be owed
	t.now_s = share.owed_until_s;
	t.tasks[2][2]();
	t.equal({ scene.done, #t.tasks, alice.state }, { { "alice 1", "bob", "alice 2", "alice 3" }, 2, "ready" });
end);

t.test("what takes little time waits for nothing", function ()
	local scene = new_scene();
	local alice = scene:new_runner "alice";
	scene.cost_s = 0.01;
	for number = 1, 4 do alice:run(tostring(number)); end
	t.equal({ #scene.done, #t.tasks }, { 4, 0 });
	t.now_s = t.now_s + 1;
	for number = 1, 4 do alice:run(tostring(number)); end
	t.equal({ #scene.done, #t.tasks }, { 8, 0 });
end);

t.test("when the server stops nothing waits any more", function ()
	local scene = new_scene(4);
	local alice, share = scene:new_runner "alice";
	share.made = 4;
	alice:run "1";
	alice:run "2";
	scene.shares:open();
	t.equal(scene.done, { "1", "2" });
end);

-- The link to the gate, and what the gate is told of the window.

local t = ...;
local link, status = t.load "link", t.load "status";

local TIMEOUT_S = 4;

-- A link, and the gate's stream; `written` has what each write to its connection was.
local function new_scene()
	local scene = { written = {}, closed = {}, turns = 0 };
	scene.conn = {
		setoption = function () end,
		write = function (_, text) scene.written[#scene.written + 1] = text; end,
	};
	scene.session = { conn = scene.conn, close = function (_, reason) scene.closed[#scene.closed + 1] = reason; end };
	scene.link = link.new("gate.a.example", TIMEOUT_S, function () scene.turns = scene.turns + 1; end);
	return scene;
end

t.test("what is said in one turn is written at once", function ()
	local scene = new_scene();
	scene.link:connect(scene.session);
	scene.link:submit "<a/>";
	scene.link:submit "<b/>";
	t.equal({ scene.written, #t.tasks, t.tasks[1][1] }, { {}, 1, 0 });
	t.tasks[1][2]();
	t.equal(scene.written, { "<a/><b/>" });
	t.tasks[1][2]();
	t.equal(#scene.written, 1);
	scene.link:submit "<c/>";
	t.tasks[2][2]();
	t.equal({ scene.written, scene.turns }, { { "<a/><b/>", "<c/>" }, 3 });
end);

t.test("a pack does not wait for the end of the turn", function ()
	local scene = new_scene();
	scene.link:connect(scene.session);
	for _ = 1, 33 do scene.link:submit "x"; end
	t.equal({ scene.written, scene.turns }, { { ("x"):rep(32) }, 0 }); -- nothing of this turn is written to anybody yet
	scene.link:flush();
	t.equal(scene.written, { ("x"):rep(32), "x" });
end);

t.test("without a gate nothing is kept to be said", function ()
	local scene = new_scene();
	scene.link:submit "lost";
	scene.link:connect(scene.session);
	scene.link:submit "said to the first";
	t.equal(scene.link:disconnect(scene.session), true);
	scene.link:connect(scene.session);
	scene.link:flush();
	t.equal(scene.written, {});
end);

t.test("another stream's end is not the gate's", function ()
	local scene = new_scene();
	scene.link:connect(scene.session);
	t.equal({ scene.link:disconnect {}, scene.link.session == scene.session }, { false, true });
end);

t.test("a gate is silent from its timeout on until it speaks", function ()
	local scene = new_scene();
	local one = scene.link;
	one:end_silence();
	t.equal(not one:is_silent(), true);
	one:fall_silent(t.now_s);
	one:fall_silent(t.now_s + 3); -- it is silent already
	t.now_s = t.now_s + TIMEOUT_S - 0.5;
	t.equal(not one:is_silent(), true);
	t.now_s = t.now_s + 0.5;
	t.equal(not one:is_silent(), false);
	one:end_silence();
	t.equal(not one:is_silent(), true);
	one:stop();
	t.equal(not one:is_silent(), false);
end);

t.test("a gate that has gone is silent from then on", function ()
	local scene = new_scene();
	scene.link:connect(scene.session);
	scene.link:end_silence();
	t.now_s = t.now_s + 100;
	scene.link:disconnect(scene.session);
	t.equal(scene.link.silent_since, t.now_s);
end);

t.test("a gate is stuck when it is connected and silent for four timeouts", function ()
	local scene = new_scene();
	local one = scene.link; -- silent since its start
	t.now_s = t.now_s + 100;
	t.equal(not one:is_stuck(), true); -- it is not there
	one:connect(scene.session);
	t.now_s = t.now_s + 4 * TIMEOUT_S;
	t.equal(not one:is_stuck(), true); -- it has had that long since it came
	t.now_s = t.now_s + 0.5;
	t.equal(not one:is_stuck(), false);
	one:close "No verdict in time";
	t.equal(scene.closed, { { condition = "connection-timeout", text = "No verdict in time" } });
	one:end_silence();
	t.equal(not one:is_stuck(), true);
end);

-- A status whose texts are the values that it was made of.
local function new_status()
	local window = { epoch = "e", first_seq = 1, next_seq = 5, written_through = 0 };
	local scene = { sent = {}, unheld = {}, uploads = {}, window = window };
	scene.link = {
		gate = "gate.a.example", session = {},
		own_domain = function () return "a.example"; end,
		submit = function (_, value) scene.sent[#scene.sent + 1] = value; end,
	};
	local wire = {
		encode_status = function (from, to, value)
			local bounced = {};
			for _, item in ipairs(value.bounced) do bounced[#bounced + 1] = item.seq; end
			local archived = #value.archived > 0 and {} or nil;
			for _, item in ipairs(value.archived) do archived[#archived + 1] = item.record .. " " .. item.id; end
			return { from, to, value.n, value.done, value.turned_away, bounced, value.unheld, #value.uploads, archived };
		end;
	};
	local hosts = { unheld = function () return scene.unheld; end, uploads = function () return scene.uploads; end };
	scene.status = status.new { wire = wire, window = scene.window, link = scene.link, hosts = hosts };
	return scene;
end

t.test("a status is due when there is something new", function ()
	local scene = new_status();
	local function is_due() return not not scene.status:is_due(); end
	t.equal(is_due(), false);
	scene.status:add_turned_away();
	t.equal(is_due(), true);
	scene.status:send();
	t.equal(is_due(), false);
	scene.window.written_through = 3;
	t.equal(is_due(), true);
	scene.status:send();
	scene.status:add_bounced { seq = 4 };
	t.equal(is_due(), true);
	scene.status:send();
	t.equal(is_due(), false);
	scene.unheld = { "b.example" };
	t.equal(is_due(), true);
	scene.status:send();
	t.equal(is_due(), false);
	scene.unheld = {};
	t.equal(is_due(), true);
	scene.status:send();
	scene.uploads = { { host = "b.example", module = "proxy65" } };
	t.equal(is_due(), true);
	scene.status:send();
	t.equal(is_due(), false);
	scene.uploads = {};
	t.equal(is_due(), true);
	t.equal(scene.sent, {
		{ "a.example", "gate.a.example", 1, 0, 1, {}, {}, 0 },
		{ "a.example", "gate.a.example", 2, 3, 0, {}, {}, 0 },
		{ "a.example", "gate.a.example", 3, 3, 0, { 4 }, {}, 0 },
		{ "a.example", "gate.a.example", 4, 3, 0, { 4 }, { "b.example" }, 0 },
		{ "a.example", "gate.a.example", 5, 3, 0, { 4 }, {}, 0 },
		{ "a.example", "gate.a.example", 6, 3, 0, { 4 }, {}, 1 },
	});
end);

t.test("ids that rooms gave are said until the gate has noted them, no more than a status takes", function ()
	local scene = new_status();
	local told = {};
	scene.link.submit = function (_, value) told[#told + 1] = value[9]; end;
	scene.status:add_archived("gate/1", "a");
	t.equal(not not scene.status:is_due(), true);
	scene.status:send();
	t.equal(not not scene.status:is_due(), false);
	scene.status:add_archived("gate/2", "b");
	scene.status:send();
	scene.status:forget(1);
	scene.status:send();
	t.equal(told, { { "gate/1 a" }, { "gate/1 a", "gate/2 b" }, { "gate/2 b" } });
	scene.status:forget(3);
	for n = 1, 1001 do scene.status:add_archived("gate/" .. n, "c"); end
	scene.status:send();
	t.equal({ #told[4], not not scene.status:is_due() }, { 1000, true }); -- one is still to be named
	scene.status:forget(4);
	scene.status:send();
	t.equal(told[5], { "gate/1001 c" });
	t.equal(not not scene.status:is_due(), false);
end);

t.test("done is known up to what a status has named", function ()
	local scene = new_status();
	scene.window.written_through = 2;
	scene.status:send();
	scene.window.written_through = 4;
	t.equal(scene.status:known_done(), 4);
	scene.status:add_bounced { seq = 4 };
	t.equal(scene.status:known_done(), 2); -- the gate does not know yet that 4 was bounced
	scene.status:send();
	t.equal(scene.status:known_done(), 4);
end);

t.test("what was bounced is said until the gate has noted it", function ()
	local scene = new_status();
	scene.status:add_bounced { seq = 1 };
	scene.status:send();
	scene.status:add_bounced { seq = 2 };
	scene.status:send();
	scene.status:forget(1);
	scene.status:send();
	scene.status:add_bounced { seq = 3 };
	scene.status:forget(3); -- that status did not name it
	scene.status:send();
	local named = {};
	for _, sent in ipairs(scene.sent) do named[#named + 1] = sent[6]; end
	t.equal(named, { { 1 }, { 1, 2 }, { 2 }, { 3 } });
end);

t.test("without a gate nothing counts as said", function ()
	local scene = new_status();
	scene.link.session = nil;
	scene.status:add_turned_away();
	scene.status:send();
	t.equal({ #scene.sent, scene.status.number, scene.status:is_due() }, { 0, 0, true });
end);

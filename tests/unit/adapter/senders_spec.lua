-- Senders: reading from them stops and goes on, and what a session leaves behind is carried out.

local t = ...;
local senders = t.load "senders";

-- Senders beside a window that is high or low as the test says.
local function new_scene(max_per_session)
	local scene = { is_high = false, is_low = true };
	local window = {
		is_high = function () return scene.is_high; end, is_low = function () return scene.is_low; end,
	};
	local carrying = {
		new_runner = function (_, _, when_ready) return { state = "ready", when_ready = when_ready }; end,
	};
	scene.shares = t.load "shares".new { link = {}, max_made = 4 };
	scene.senders = senders.new {
		window = window, shares = scene.shares, carrying = carrying, max_per_session = max_per_session or 4,
	};
	return scene;
end

local function new_session(type)
	local conn, calls = t.spy { "pause", "resume", "pausefor" };
	local pausefor = conn.pausefor;
	function conn.pausefor(self, limit_s) if limit_s then pausefor(self, limit_s); end end -- but no end of a pause
	local session = { type = type or "c2s", host = "a.example", full_jid = "alice@a.example/x", conn = conn, closed = {} };
	function session.close(_, reason) session.closed[#session.closed + 1] = reason == nil and "nil" or reason; end
	return session, calls;
end

t.test("each session has one sender with a name by its kind", function ()
	local all, names = new_scene().senders, {};
	for _, type in ipairs { "c2s", "s2sin", "s2sout", "component", "local" } do
		local session = new_session(type);
		local sender = all:of(session);
		assert(all:of(session) == sender and sender.origin == session);
		names[#names + 1] = sender.id;
	end
	t.equal(names, { "c1", "s2", "s3", "x4", "h5" });
end);

t.test("reading stops at the bound of a session and goes on at half of it", function ()
	local scene = new_scene(4);
	local session, calls = new_session();
	local sender = scene.senders:of(session);
	sender.held = 3;
	scene.senders:pause_if_high(sender);
	t.equal(calls, {});
	sender.held = 4;
	scene.senders:pause_if_high(sender);
	scene.senders:pause_if_high(sender);
	t.equal(calls, { { "pause" } }); -- once
	sender.held = 3;
	scene.senders:resume_paused();
	t.equal(#calls, 1);
	sender.held = 2;
	scene.senders:resume_paused();
	t.equal(calls, { { "pause" }, { "resume" }, { "pausefor", 0 } });
	scene.senders:resume_paused();
	t.equal(#calls, 3);
end);

t.test("reading stops at the bound of a session in bytes and goes on at half of it", function ()
	local scene = new_scene();
	local session, calls = new_session();
	local sender = scene.senders:of(session);
	sender.held, sender.held_bytes = 1, 64 * 1024 - 1;
	scene.senders:pause_if_high(sender);
	t.equal(calls, {});
	sender.held_bytes = 64 * 1024;
	scene.senders:pause_if_high(sender);
	t.equal(calls, { { "pause" } });
	sender.held_bytes = 32 * 1024 + 1;
	scene.senders:resume_paused();
	t.equal(#calls, 1);
	sender.held_bytes = 32 * 1024;
	scene.senders:resume_paused();
	t.equal(calls, { { "pause" }, { "resume" }, { "pausefor", 0 } });
end);

t.test("nobody is read who waits until what they said is carried out", function ()
	local scene = new_scene();
	local session, calls = new_session();
	local sender = scene.senders:of(session);
	sender.runner.state = "waiting";
	scene.senders:pause_if_high(sender);
	scene.senders:resume_paused();
	t.equal(calls, { { "pause" } });
	sender.runner.state = "ready";
	sender.runner.when_ready();
	t.equal(#calls, 3);
end);

t.test("everybody stops when the window is high and goes on when it is low", function ()
	local scene = new_scene();
	local session, calls = new_session();
	local sender = scene.senders:of(session);
	scene.is_high, scene.is_low = true, false;
	scene.senders:pause_if_high(sender);
	scene.is_high = false;
	scene.senders:resume_paused();
	t.equal(calls, { { "pause" } });
	scene.is_low = true;
	scene.senders:resume_paused();
	t.equal(#calls, 3);
end);

-- Streams of a site, the sender of each, and what was done to each connection.
local function new_streams(scene, count, domain)
	local all, calls = {}, {};
	for i = 1, count do
		local session;
		session, calls[i] = new_session "s2sin";
		session.from_host = domain or "zurich.example";
		all[i] = scene.senders:of(session);
	end
	return all, calls;
end

t.test("the streams of a site have one share between them, and each other site one of its own", function ()
	local scene = new_scene(4);
	local streams, calls = new_streams(scene, 2);
	local others, their_calls = new_streams(scene, 1, "bern.example");
	local out = new_session "s2sout";
	out.to_host = "zurich.example";
	assert(streams[1].share == streams[2].share and scene.senders:of(out).share == streams[1].share);
	assert(others[1].share ~= streams[1].share and scene.senders:of((new_session "component")).share == nil);
	streams[1].share.held = 4; -- all of it said by the first
	scene.senders:pause_if_high(streams[2]);
	scene.senders:pause_if_high(others[1]);
	t.equal({ calls[2], their_calls[1] }, { { { "pause" } }, {} });
end);

t.test("the sessions of a person have one share between them", function ()
	local scene = new_scene(4);
	local function session_of(username)
		local session, calls = new_session();
		session.username, session.host = username, "a.example";
		return scene.senders:of(session), calls;
	end
	local desk, calls = session_of "alice";
	local phone, other = session_of "alice", session_of "bob";
	assert(desk.share == phone.share and desk.share ~= other.share);
	phone.share.held = 4;
	scene.senders:pause_if_high(desk);
	t.equal(calls, { { "pause" } });
end);

t.test("who has just been let go on is stopped all the same", function ()
	local scene = new_scene(4);
	local session = new_session();
	local calls = {};
	for _, name in ipairs { "pause", "resume", "pausefor" } do
		session.conn[name] = function (_, value) calls[#calls + 1] = { name, value }; end;
	end
	local sender = scene.senders:of(session);
	scene.senders.paused[sender] = session.conn;
	scene.senders:read_on(sender);
	sender.held = 4;
	scene.senders:pause_if_high(sender);
	-- What pausefor(0) has planned would read on behind the pause.
	t.equal(calls, { { "resume" }, { "pausefor", 0 }, { "pausefor", false }, { "pause" } });
end);

t.test("who has a share that is used up is not read by any stream, until it has ended", function ()
	local scene = new_scene(4);
	local streams, calls = new_streams(scene, 3);
	scene.senders:leave_behind(streams[3].origin);
	streams[1].share.held = 4;
	scene.senders:pause_if_high(streams[1]);
	scene.senders:of(streams[3].origin); -- what is made in its name later
	t.equal({ #calls[1] > 0, #calls[2] > 0, #calls[3], #streams[1].share.senders }, { true, true, 0, 2 });
end);

t.test("of a site's streams one goes on at a time, the longest paused first", function ()
	local scene = new_scene(4);
	local streams, calls = new_streams(scene, 3);
	local site = streams[1].share;
	site.held = 4;
	scene.senders:pause_if_high(streams[2]); -- and then the others
	scene.senders:resume_paused();
	t.equal({ #calls[1], #calls[2], #calls[3] }, { 1, 1, 1 });
	site.held = 2;
	scene.senders:resume_paused();
	t.equal({ #calls[1], #calls[2], #calls[3] }, { 1, 3, 1 });
	site.held = 4;
	scene.senders:pause_if_high(streams[2]); -- it has said much again, and is the last in turn
	site.held = 2;
	scene.senders:resume_paused();
	t.equal({ #calls[1], #calls[2], #calls[3] }, { 3, 4, 1 });
	scene.senders:resume_paused();
	t.equal({ #calls[1], #calls[2], #calls[3] }, { 3, 4, 3 });
	scene.senders:resume_paused();
	scene.senders:resume_paused();
	t.equal({ #calls[1], #calls[2], #calls[3] }, { 3, 6, 3 });
end);

t.test("each paused stream of a site has its turn, although those before it had nothing to say", function ()
	local scene = new_scene(4);
	local streams, calls = new_streams(scene, 3);
	streams[1].share.held = 4;
	for i = 1, 3 do scene.senders:pause_if_high(streams[i]); end
	streams[1].share.held = 0;
	scene.senders:resume_paused();
	scene.senders:resume_paused(); -- a verdict on something else
	t.equal({ #calls[1], #calls[2], #calls[3], #t.tasks }, { 3, 3, 1, 1 });
	t.tasks[1][2]();
	t.equal({ #calls[3], #t.tasks }, { 3, 1 }); -- nobody is left
end);

t.test("while a site has its share, its streams wait for what makes it less, and no clock runs", function ()
	local scene = new_scene(4);
	local streams = new_streams(scene, 2);
	streams[1].share.held = 4;
	for i = 1, 2 do scene.senders:pause_if_high(streams[i]); end
	scene.senders:resume_paused();
	t.equal(#t.tasks, 0);
end);

t.test("a stream that ends while it is paused is in nobody's way", function ()
	local scene = new_scene(4);
	local streams, calls = new_streams(scene, 2);
	streams[1].share.held = 4;
	for i = 1, 2 do scene.senders:pause_if_high(streams[i]); end
	scene.senders:leave_behind(streams[1].origin);
	streams[1].share.held = 0;
	scene.senders:resume_paused();
	t.equal({ #calls[1], #calls[2] }, { 1, 3 });
end);

t.test("a server that stops reads from nobody any more", function ()
	local scene = new_scene();
	local session, calls = new_session();
	scene.is_high = true;
	scene.senders:pause_if_high(scene.senders:of(session));
	scene.senders:stop_resuming();
	scene.senders:resume_paused();
	t.equal(calls, { { "pause" } });
end);

t.test("a session without a connection is not paused", function ()
	local scene = new_scene();
	local session = new_session();
	session.conn, scene.is_high = nil, true;
	scene.senders:pause_if_high(scene.senders:of(session));
	t.equal(next(scene.senders.paused), nil);
end);

t.test("what a session leaves behind goes on in its name", function ()
	local scene = new_scene();
	local session, calls = new_session();
	session.username, session.send = "alice", function () error "it is gone"; end;
	local sender = scene.senders:of(session);
	scene.is_high = true;
	scene.senders:pause_if_high(sender);
	scene.senders:leave_behind(session);
	local origin = sender.origin;
	assert(origin ~= session);
	t.equal({ origin.username, origin.full_jid, origin.destroyed, origin.conn }, { "alice", "alice@a.example/x", true });
	t.equal({ origin.send { attr = {} }, origin.rawsend() }, { false, false });
	t.equal({ calls, next(scene.senders.paused) }, { { { "pause" } } });
	assert(session.conn and not session.destroyed); -- Prosody's to change
end);

-- The server itself knows each of them for ten minutes.
t.test("a thousand sessions that come and go leave nothing, and what they had in the window goes on", function ()
	local scene, gone, senders_of = new_scene(), {}, {};
	for i = 1, 1000 do
		gone[i] = new_session();
		senders_of[i] = scene.senders:of(gone[i]);
		senders_of[i].held = i % 2;
		scene.senders:leave_behind(gone[i]);
		assert(scene.senders:of(gone[i]) == senders_of[i]); -- what is said in its name now is of the same sender
	end
	for _, task in ipairs(t.tasks) do task[2](); end
	t.equal(next(scene.senders.by_session), nil);
	t.equal({ senders_of[1].origin.full_jid, senders_of[1].origin.destroyed }, { "alice@a.example/x", true });
	t.equal(scene.senders.departed["alice@a.example/x"] == senders_of[1000], true);
	gone, senders_of = nil, nil; -- luacheck: ignore 311
	collectgarbage();
	collectgarbage();
	t.equal(next(scene.senders.departed), nil);
end);

t.test("a session with nothing in the window leaves nothing", function ()
	local scene = new_scene();
	scene.senders:leave_behind(new_session());
	t.equal({ next(scene.senders.departed), scene.senders.count }, { nil, 0 });
end);

t.test("a connection that others use is read on", function ()
	local scene = new_scene();
	local session, calls = new_session();
	session.bosh_wait, scene.is_high = 60, true;
	local sender = scene.senders:of(session);
	scene.senders:pause_if_high(sender);
	scene.senders:leave_behind(session);
	t.equal(calls, { { "pause" }, { "resume" }, { "pausefor", 0 } });
end);

t.test("an address is leaving until all is carried out or somebody has it again", function ()
	local scene = new_scene();
	local session = new_session();
	local jid, all = session.full_jid, scene.senders;
	local sender = all:of(session);
	local function is_leaving() return not not all:is_leaving(jid); end
	t.equal(is_leaving(), false);
	sender.held = 1;
	all:leave_behind(session);
	t.equal(is_leaving(), true);
	t.prosody.full_sessions[jid] = {};
	t.equal(is_leaving(), false);
	t.prosody.full_sessions[jid] = nil;
	sender.held = 0;
	t.equal(is_leaving(), false);
	sender.runner.state = "running";
	t.equal(is_leaving(), true);
end);

t.test("a stream that its client closes stays open for the answers", function ()
	local scene = new_scene();
	local session = new_session();
	local sender = scene.senders:of(session);
	scene.senders:close_when_answered(session);
	sender.unanswered = 1;
	session:close(false);
	sender:close_if_answered();
	t.equal(session.closed, {});
	sender.unanswered, sender.runner.state = 0, "waiting";
	sender:close_if_answered();
	t.equal(session.closed, {});
	sender.runner.state = "ready";
	sender.runner.when_ready();
	sender:close_if_answered();
	t.equal(session.closed, { false });
end);

t.test("a stream is closed at once with an error or when nothing is held", function ()
	local scene = new_scene();
	for _, reason in ipairs { "nil", "policy-violation" } do
		local session = new_session();
		local sender = scene.senders:of(session);
		scene.senders:close_when_answered(session);
		sender.unanswered = 1;
		session:close(reason ~= "nil" and reason or nil);
		t.equal(session.closed, { reason });
	end
	local session = new_session();
	scene.senders:close_when_answered(session); -- it has not said anything yet
	session:close(false);
	t.equal(session.closed, { false });
end);

t.test("a session that was destroyed meanwhile is not closed again", function ()
	local scene = new_scene();
	local session = new_session();
	local sender = scene.senders:of(session);
	scene.senders:close_when_answered(session);
	sender.unanswered = 1;
	session:close(false);
	sender.unanswered, session.destroyed = 0, true;
	sender:close_if_answered();
	t.equal(session.closed, {});
end);

t.test("a resumed session reads and closes by its new connection", function ()
	local scene = new_scene();
	local session, calls = new_session();
	local origin = new_session();
	local sender = scene.senders:of(session);
	scene.is_high = true;
	scene.senders:pause_if_high(sender);
	origin.data = function () end;
	scene.senders:resume(session, origin);
	t.equal({ next(scene.senders.paused), session.data == origin.data, #calls }, { nil, true, 1 });
	origin:close("not-well-formed");
	t.equal({ session.closed, origin.closed }, { { "not-well-formed" }, {} });
	sender.unanswered = 1;
	origin:close(false); -- the client's own good-bye waits for its answers
	t.equal(#session.closed, 1);
end);

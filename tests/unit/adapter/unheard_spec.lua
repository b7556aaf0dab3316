-- What may not have arrived: however much it is, the gate is told what comes back.

local t = ...;

local FAR, NEAR = "far.example", { type = "c2s" };

local function new_scene()
	local scene = { bounced = {} };
	scene.unheard = t.load "unheard".new {
		status = { add_bounced = function (_, entry) scene.bounced[#scene.bounced + 1] = entry.seq; end },
	};
	function scene:pass_on(listener, first, last)
		for seq = first, last do
			self.unheard:note(listener, {
				seq = seq, from = "a@here.example", to = "b@far.example", stanza = { attr = { id = "m" .. seq } },
			});
		end
	end
	function scene:give_back(listener, first, last)
		for seq = first, last do
			self.unheard:give_back(listener, "a@here.example", "b@far.example", "m" .. seq);
		end
	end
	return scene;
end

local function sequence(first, last)
	local numbers = {};
	for number = first, last do numbers[#numbers + 1] = number; end
	return numbers;
end

-- The server keeps all for a domain that it does not reach, as its host's stream to it.
local function keep_waiting(count)
	local sendq = {};
	for i = 1, count do sendq[i] = {}; end
	t.prosody.hosts["here.example"] = { s2sout = { [FAR] = { sendq = sendq } } };
	t.prosody.hosts["rooms.here.example"] = {};
	return sendq;
end

t.test("what comes back is told once, and nothing else", function ()
	local scene = new_scene();
	scene:pass_on(NEAR, 1, 3);
	scene:give_back(NEAR, 2, 2);
	scene:give_back(NEAR, 2, 2);
	scene:give_back(FAR, 1, 1);
	t.equal(scene.bounced, { 2 });
end);

t.test("all that waits for a domain that is not reached is told when it comes back", function ()
	local scene, sendq = new_scene(), keep_waiting(0);
	for seq = 1, 5000 do
		sendq[seq] = {}; -- by the server, when the adapter has noted it
		scene:pass_on(FAR, seq, seq);
	end
	scene:give_back(FAR, 1, 5000);
	t.equal(scene.bounced, sequence(1, 5000));
end);

t.test("what the server no longer keeps is forgotten, the oldest first", function ()
	local scene = new_scene();
	keep_waiting(2000);
	scene:pass_on(FAR, 1, 3000);
	keep_waiting(0);
	scene:pass_on(FAR, 3001, 3001);
	scene:give_back(FAR, 1, 3001);
	t.equal(scene.bounced, sequence(3001 - 1024 + 1, 3001));
end);

t.test("the same id again counts as the newest, also when the first is forgotten", function ()
	local scene = new_scene();
	keep_waiting(0);
	local entry = { from = "a@here.example", to = "b@far.example", stanza = { attr = { id = "x" } } };
	entry.seq = 1;
	scene.unheard:note(FAR, entry);
	scene:pass_on(FAR, 2, 1000);
	entry.seq = 1001;
	scene.unheard:note(FAR, entry);
	scene:pass_on(FAR, 1002, 1100);
	scene.unheard:give_back(FAR, entry.from, entry.to, "x");
	t.equal(scene.bounced, { 1001 });
end);

-- A session whose client confirms what it was told.
local function new_client()
	local client = { type = "c2s", told = 0, confirmed = 0 };
	client.outgoing_stanza_queue = {
		count_acked = function () return client.confirmed; end,
		count_unacked = function () return client.told - client.confirmed; end,
	};
	return client;
end

-- How many numbers are kept of a session.
local function count_kept(scene, listener)
	local list, seqs = scene.unheard.by_listener[listener], 0;
	for _ in pairs(list.seqs) do seqs = seqs + 1; end
	return { list.last - list.first + 1, seqs };
end

t.test("what a client has confirmed is not kept", function ()
	local scene, client = new_scene(), new_client();
	for seq = 1, 1000 do
		scene:pass_on(client, seq, seq);
		client.told = client.told + 2; -- another one beside it
		client.confirmed = client.told - 6;
	end
	t.equal(count_kept(scene, client), { 4, 4 });
	client.confirmed = client.told;
	scene:pass_on(client, 1001, 1001);
	t.equal(count_kept(scene, client), { 1, 1 });
end);

t.test("what a client has not confirmed is told when it comes back, to the last one", function ()
	local scene, client = new_scene(), new_client();
	for seq = 1, 100 do
		scene:pass_on(client, seq, seq);
		client.told = client.told + 1;
	end
	client.confirmed = 40;
	scene:pass_on(client, 101, 101);
	scene:give_back(client, 1, 101);
	t.equal(scene.bounced, sequence(41, 101));
end);

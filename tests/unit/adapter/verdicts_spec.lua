-- Verdicts: what becomes of each entry, in the order of their numbers.

local t = ...;
local st = require "util.stanza";
local wire, window, verdicts = t.load "wire", t.load "window", t.load "verdicts";

-- A window with one sender; `calls` has what was done with whom.
local function new_scene()
	local calls = {};
	local function spy(part, names)
		local object = {};
		for _, name in ipairs(names) do
			object[name] = function (_, entry, ...)
				calls[#calls + 1] = { part .. "." .. name, type(entry) == "table" and entry.seq or nil, ... };
			end;
		end
		return object;
	end
	local scene = { calls = calls, window = window.new(100, 100000) };
	scene.sender = spy("sender", { "close_if_answered" });
	scene.sender.held, scene.sender.held_bytes, scene.sender.unanswered = 0, 0, 0;
	scene.sender.origin = { full_jid = "alice@a.example/x" };
	scene.sender.runner = spy("runner", { "run" });
	scene.answers = {
		refuse = function (_, origin, stanza, error_tag)
			calls[#calls + 1] = { "answers.refuse", stanza.attr.id, error_tag and error_tag.tags[1].name };
			assert(origin == scene.sender.origin);
		end;
	};
	scene.verdicts = verdicts.new {
		wire = wire, window = scene.window, answers = scene.answers, senders = spy("senders", { "resume_paused" }),
		carrying = spy("carrying", { "give_back" }), link = spy("link", { "end_silence" }),
		quarantine = { note_verdict = function () end },
		receipts = t.load "receipts".new "gate.a.example",
		unheard_errors = {
			note = function (_, ledger, place) if ledger then calls[#calls + 1] = { "unheard_errors.note", place }; end end;
		},
	};
	function scene:enter(stanza, fields)
		local entry = fields or {};
		entry.sender, entry.stanza, entry.held_at = self.sender, stanza, t.now_s;
		self.window:enter(entry, "<message/>");
		return entry;
	end
	-- Take a verdict, and return what was done but for what every verdict does.
	function scene:take(attr, ...)
		local element = st.stanza("verdict", {
			xmlns = wire.XMLNS, epoch = attr.epoch or self.window.epoch, log = "gate",
			seq = tostring(attr[1]), through = tostring(attr[2]), first = attr.first or "100",
		});
		for _, exception in ipairs { ... } do element:add_child(exception); end
		self.verdicts:take(element);
		local done = {};
		for _, call in ipairs(calls) do
			if call[1] ~= "link.end_silence" and not call[1]:match "^senders?%." then
				done[#done + 1] = call;
			end
		end
		return done;
	end
	return scene;
end

local function message(id, body)
	return st.message({ id = id, to = "bob@a.example" }, body or "copper");
end

local function exception(name, seq)
	return st.stanza(name, { xmlns = wire.XMLNS, seq = tostring(seq) });
end

local function receipt_of(stanza)
	local tag = stanza:get_child("stanza-id", "urn:xmpp:sid:0");
	return tag and tag.attr.id;
end

t.test("what is not named is carried out with the number of its record", function ()
	local scene = new_scene();
	local first, second = scene:enter(message "m1"), scene:enter(message "m2");
	t.equal(scene:take { 1, 2 }, { { "runner.run", 1 }, { "runner.run", 2 } });
	t.equal({ receipt_of(first.stanza), receipt_of(second.stanza) }, { "gate/100", "gate/101" });
	t.equal({ scene.window.count, scene.window.done_through }, { 0, 0 }); -- settled when it is carried out
end);

t.test("a verdict of less than all leaves the rest", function ()
	local scene = new_scene();
	for number = 1, 3 do scene:enter(message("m" .. number)); end
	t.equal(scene:take { 1, 2 }, { { "runner.run", 1 }, { "runner.run", 2 } });
	t.equal({ scene.window.count, scene.window.first_seq }, { 1, 3 });
end);

t.test("what was bounced meanwhile is passed over", function ()
	local scene = new_scene();
	for number = 1, 3 do scene:enter(message("m" .. number)); end
	scene.window:remove(scene.window.entries[2]);
	t.equal(scene:take { 1, 3 }, { { "runner.run", 1 }, { "runner.run", 3 } });
end);

t.test("a refusal goes to the sender and no further", function ()
	local scene = new_scene();
	local entry = scene:enter(message "m1", { ledger = { mark = function () end }, place = 7 });
	local refuse = exception("refuse", 1):tag("error", { type = "modify" }):tag("policy-violation"):reset();
	t.equal(scene:take({ 1, 1 }, refuse), { { "answers.refuse", "m1", "policy-violation" }, { "unheard_errors.note", 7 } });
	t.equal({ entry.is_settled, scene.window.done_through, receipt_of(entry.stanza) }, { true, 1, nil });
end);

t.test("what is kept is settled and its sender told nothing unless the gate says so", function ()
	local scene = new_scene();
	scene:enter(message "m1");
	scene:enter(message "m2", { ledger = { mark = function () end }, place = 7 });
	local told = exception("keep", 2):tag("error", { type = "wait" }):tag("undefined-condition"):reset();
	t.equal(scene:take({ 1, 2 }, exception("keep", 1), told), { { "answers.refuse", "m2", "undefined-condition" } });
	t.equal(scene.window.done_through, 2);
end);

t.test("an injected stanza has no sender to tell", function ()
	local scene = new_scene();
	scene:enter(message "m1", { injected = true });
	t.equal(scene:take({ 1, 1 }, exception("refuse", 1)), {});
	t.equal(scene.window.done_through, 1);
end);

t.test("an amended stanza is the same object with other content", function ()
	local scene = new_scene();
	local stanza = message("m1", "call me at 5");
	scene:enter(stanza);
	local amend = exception("amend", 1):tag("forwarded", { xmlns = "urn:xmpp:forward:0" })
		:tag("message", { xmlns = "jabber:client", to = "eve@b.example" }):text_tag("body", "[a number]"):reset();
	t.equal(scene:take({ 1, 1 }, amend), { { "runner.run", 1 } });
	t.equal({ stanza:get_child_text "body", stanza.attr.to, receipt_of(stanza) }, { "[a number]", "bob@a.example", "gate/100" });
	t.equal({ #stanza, #stanza.tags }, { 2, 2 });
end);

t.test("what cannot be understood is given back", function ()
	local scene = new_scene();
	for number = 1, 3 do scene:enter(message("m" .. number)); end
	local done = scene:take({ 1, 3 }, exception("bounce", 1), exception("amend", 2), exception("bless", 3));
	t.equal(done, { { "carrying.give_back", 1 }, { "carrying.give_back", 2 }, { "carrying.give_back", 3 } });
	t.equal(#t.logged, 2); -- of the two that make no sense
end);

t.test("a receipt that its sender made up is gone", function ()
	local scene = new_scene();
	local stanza = message "m1":tag("stanza-id", { xmlns = "urn:xmpp:sid:0", by = "GATE.a.example", id = "gate/1" }):reset();
	scene:enter(stanza);
	scene:take { 1, 1 };
	t.equal({ #stanza.tags, receipt_of(stanza) }, { 2, "gate/100" });
end);

t.test("a request that was nothing but a forged receipt is given back", function ()
	local scene = new_scene();
	local forged = { xmlns = "urn:xmpp:sid:0", by = "gate.a.example", id = "gate/1" };
	scene:enter(st.iq { type = "set", id = "i1" }:tag("stanza-id", forged):reset());
	scene:enter(st.iq { type = "result", id = "i2" });
	scene:enter(st.iq { type = "get", id = "i3" }:tag("query", { xmlns = "jabber:iq:version" }):reset());
	t.equal(scene:take { 1, 3 }, { { "carrying.give_back", 1, "empty" }, { "runner.run", 2 }, { "runner.run", 3 } });
end);

t.test("only messages get a receipt", function ()
	local scene = new_scene();
	local presence = st.presence();
	scene:enter(presence);
	t.equal(scene:take { 1, 1 }, { { "runner.run", 1 } });
	t.equal(#presence.tags, 0);
end);

t.test("an event is settled as soon as it is recorded", function ()
	local scene = new_scene();
	local entry = scene:enter(nil);
	t.equal(scene:take { 1, 1 }, {});
	t.equal({ entry.is_settled, scene.window.done_through }, { true, 1 });
end);

t.test("a farewell is not carried out when the same address is back", function ()
	local scene = new_scene();
	scene:enter(st.presence { type = "unavailable" }, { patient = true });
	t.prosody.full_sessions[scene.sender.origin.full_jid] = { presence = st.presence() };
	t.equal(scene:take { 1, 1 }, {});
	t.equal(scene.window.done_through, 1);
	scene:enter(message "m2");
	t.equal(scene:take { 2, 2 }, { { "runner.run", 2 } }); -- what is no farewell is
end);

t.test("a verdict on something else changes nothing", function ()
	for _, attr in ipairs {
		{ 1, 2, epoch = "another" }, { 1, 3 }, { 2, 2 }, { "x", 1 }, { 1, "x" }, { 1, 1, first = "x" },
	} do
		local scene = new_scene();
		scene:enter(message "m1");
		scene:enter(message "m2");
		t.logged = {};
		t.equal({ scene:take(attr), #scene.calls, scene.window.count, #t.logged }, { {}, 0, 2, 1 });
	end
end);

t.test("after each entry a stream may be closed and after all reading goes on", function ()
	local scene = new_scene();
	scene:enter(message "m1");
	scene:enter(message "m2");
	scene:take { 1, 2 };
	local names = {};
	for _, call in ipairs(scene.calls) do names[#names + 1] = call[1]; end
	t.equal(names, {
		"link.end_silence", "runner.run", "sender.close_if_answered", "runner.run", "sender.close_if_answered",
		"senders.resume_paused",
	});
end);

-- Acknowledgements: what counts as handled, when a request is answered, and what a client says again.

local t = ...;
local st = require "util.stanza";
local library = t.load "acknowledgements";

-- Those whose turns are completed `completed` times so far.
local acknowledgements = { completed = 0 };
function acknowledgements.new()
	return library.new { complete = function () acknowledgements.completed = acknowledgements.completed + 1; end };
end

-- A session whose stanzas are counted from `count` on.
local function new_session(count)
	local thread = { state = "ready", queue = {} };
	function thread.run() return true, "ready", 0; end
	return { handled_stanza_count = count or 0, conn = {}, thread = thread };
end

-- As mod_smacks does: it counts what is read, and the adapter's filter comes after it.
local function receive(acks, session, id)
	local stanza = st.message { id = id };
	session.handled_stanza_count = session.handled_stanza_count + 1;
	t.equal(acks.count(stanza, session), stanza);
	return stanza;
end

local function hold(acks, session, id)
	local entry = { stanza = receive(acks, session, id) };
	acks:enter(session, entry);
	return entry;
end

local function settle(entry)
	entry.is_settled = true;
	entry.ledger:mark(entry.place);
end

-- Ask as mod_smacks does; return whether that was put off, and a list with one item for each answer.
local function ask(acks, session)
	local answers, event = {}, { origin = session, stanza = st.stanza "r" };
	local is_off = acks:put_off(event, function ()
		if not acks:put_off(event, function () end) then answers[#answers + 1] = session.handled_stanza_count; end
	end);
	return is_off, answers;
end

-- Run what the timer has, and what that adds.
local function run_tasks()
	while t.tasks[1] do table.remove(t.tasks, 1)[2](); end
end

t.test("what is held is handled when it is settled and in order", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first, second, third = hold(acks, session), hold(acks, session), hold(acks, session);
	t.equal(session.handled_stanza_count, 0);
	settle(third);
	settle(second);
	t.equal(session.handled_stanza_count, 0);
	settle(first);
	t.equal(session.handled_stanza_count, 3);
	local ledger = session.stanza_gate_ledger;
	t.equal({ ledger.beyond, ledger.entries, ledger.unseen }, { {}, {}, {} });
end);

t.test("the count goes on over 2^32 by differences", function ()
	local acks, session = acknowledgements.new(), new_session(2 ^ 32 - 1);
	local first, second = hold(acks, session), hold(acks, session);
	settle(second);
	t.equal(session.handled_stanza_count, 2 ^ 32 - 1);
	settle(first);
	t.equal(session.handled_stanza_count, 2 ^ 32 + 1);
end);

t.test("who does not count has no ledger", function ()
	local acks, session = acknowledgements.new(), {};
	local stanza = st.message {};
	t.equal(acks.count(stanza, session), stanza);
	local entry = { stanza = stanza };
	acks:enter(session, entry);
	t.equal({ session.stanza_gate_ledger, entry.ledger, acks:counts(session, stanza) }, {});
	t.equal(acks:put_off({ origin = session, stanza = st.stanza "r" }), nil);
end);

t.test("what is processed without being held is handled", function ()
	local acks, session = acknowledgements.new(), new_session();
	local held = hold(acks, session);
	receive(acks, session);
	session.thread.state = "waiting";
	session.thread:run();
	t.equal(next(session.stanza_gate_ledger.unseen) ~= nil, true);
	session.thread.state = "ready";
	session.thread:run();
	t.equal(session.handled_stanza_count, 0);
	settle(held);
	t.equal(session.handled_stanza_count, 2);
end);

t.test("one that two filters see is counted once", function ()
	local acks, session = acknowledgements.new(), new_session();
	local stanza = receive(acks, session);
	t.equal(acks.count(stanza, session), stanza);
	t.equal({ session.handled_stanza_count, session.stanza_gate_ledger.received }, { 0, 1 });
	t.equal(acks:counts(session, stanza), 1);
end);

t.test("a request with nothing before it is answered at once", function ()
	local acks, session = acknowledgements.new(), new_session();
	settle(hold(acks, session));
	run_tasks();
	t.equal(ask(acks, session), nil);
end);

t.test("what was carried out in this turn is not yet written however long the turn takes", function ()
	local acks, session = acknowledgements.new(), new_session();
	settle(hold(acks, session));
	t.now_s = t.now_s + 1;
	local is_off, answers = ask(acks, session);
	acks:answer_overdue();
	t.now_s = t.now_s + 1;
	acks:answer_overdue();
	t.equal({ is_off, answers, acknowledgements.completed }, { true, {}, 0 });
	run_tasks();
	t.equal({ answers, next(acks.asking), acknowledgements.completed }, { { 1 }, nil, 1 });
end);

t.test("what is handled while the answers of a turn are given waits for the end of the next", function ()
	local acks, session, other = acknowledgements.new(), new_session(), new_session();
	local first, second = hold(acks, session), hold(acks, other);
	local _, others = ask(acks, other);
	local answers, event = {}, { origin = session, stanza = st.stanza "r" };
	acks:put_off(event, function ()
		answers[1] = session.handled_stanza_count;
		settle(second);
	end);
	settle(first);
	table.remove(t.tasks, 1)[2]();
	t.equal({ answers, others, #t.tasks }, { { 1 }, {}, 1 });
	run_tasks();
	t.equal(others, { 1 });
end);

-- Resume as mod_smacks does; return whether that was put off, and a list with one item for each time it was resumed.
local function resume(acks, session)
	local resumed, event = {}, { origin = session, stanza = st.stanza "resume" };
	local is_off = acks:put_off_resumption(event, function ()
		if not acks:put_off_resumption(event, function () end) then resumed[#resumed + 1] = true; end
	end);
	return is_off, resumed;
end

t.test("a resumption tells what is handled so it waits for the end of the turn", function ()
	local acks, session, gone = acknowledgements.new(), new_session(), { destroyed = true };
	t.equal(resume(acks, { conn = {} }), nil); -- nothing is handled in this turn
	settle(hold(acks, session));
	local is_off, resumed = resume(acks, { conn = {} });
	local _, never = resume(acks, gone);
	t.equal({ is_off, resumed }, { true, {} });
	run_tasks();
	t.equal({ resumed, never, acks.resuming }, { { true }, {}, {} });
end);

t.test("a request in the middle waits for what came before it alone", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first = hold(acks, session);
	local is_off, answers = ask(acks, session);
	local second = hold(acks, session);
	t.equal({ is_off, answers }, { true, {} });
	settle(first);
	t.equal(answers, {}); -- not in the same turn
	run_tasks();
	t.equal(answers, { 1 });
	settle(second);
	run_tasks();
	t.equal({ answers, next(acks.asking) }, { { 1 } });
end);

t.test("a request that waits too long is answered twice", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first, second = hold(acks, session), hold(acks, session);
	local _, answers = ask(acks, session);
	settle(first);
	run_tasks();
	acks:answer_overdue();
	t.equal(answers, {});
	t.now_s = t.now_s + 1;
	acks:answer_overdue();
	t.equal(answers, { 1 });
	settle(second);
	run_tasks();
	t.equal({ answers, next(acks.asking) }, { { 1, 2 } });
end);

t.test("who cannot hear is answered by the resumption", function ()
	local acks, session = acknowledgements.new(), new_session();
	local entry = hold(acks, session);
	local _, answers = ask(acks, session);
	session.hibernating = true;
	settle(entry);
	run_tasks();
	t.equal({ answers, session.stanza_gate_ledger.requests, next(acks.asking) }, { {}, {} });
end);

-- Whether the client's next stanza, of this id, is an entry that was left.
local function say_again(acks, session, id, entry)
	local stanza = receive(acks, session, id);
	return acks:is_said_again(session, stanza, function (left) return left == entry; end);
end

t.test("what was held at a resumption counts where it is said again", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first, second = hold(acks, session, "1"), hold(acks, session, "2");
	settle(second); -- out of turn: the client says it again as well
	acks:resume(session);
	t.equal({ session.handled_stanza_count, session.stanza_gate_ledger.received }, { 0, 0 });
	t.equal(acks:may_be_said_again(session) ~= nil, true);
	t.equal(say_again(acks, session, "1", first), true);
	t.equal(session.handled_stanza_count, 0);
	settle(first);
	t.equal(session.handled_stanza_count, 1);
	hold(acks, session, "3");
	t.equal(session.handled_stanza_count, 1);
end);

t.test("one without an id is known before anything new only", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first, second = hold(acks, session), hold(acks, session);
	acks:resume(session);
	t.equal(say_again(acks, session, nil, first), true);
	t.equal(say_again(acks, session, "new", nil), false);
	t.equal(say_again(acks, session, nil, second), false);
end);

t.test("a client has a minute to say it again", function ()
	local acks, session = acknowledgements.new(), new_session();
	hold(acks, session, "1");
	acks:resume(session);
	t.equal(t.tasks[1][1], 60);
	run_tasks();
	t.equal(acks:may_be_said_again(session), nil);
end);

t.test("requests are answered in their order and each with what is handled", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first = hold(acks, session);
	local _, early = ask(acks, session);
	local second = hold(acks, session);
	local _, late = ask(acks, session);
	settle(first);
	run_tasks();
	t.equal({ early, late }, { { 1 }, {} });
	settle(second);
	run_tasks();
	t.equal({ early, late }, { { 1 }, { 2 } });
end);

t.test("a request does not overtake one that waits for the next turn", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first = hold(acks, session);
	ask(acks, session);
	settle(first);
	t.equal(ask(acks, session), true);
end);

t.test("what does not reach a request does not answer it", function ()
	local acks, session = acknowledgements.new(), new_session();
	local first = hold(acks, session);
	hold(acks, session);
	local _, answers = ask(acks, session);
	settle(first);
	run_tasks();
	t.equal({ answers, acks.fresh }, { {}, {} });
end);

t.test("of those that look alike each is said again once and in order", function ()
	local acks, session, entries = acknowledgements.new(), new_session(), {};
	for _ = 1, 37 do settle(hold(acks, session)); end -- so that the server's tables do not keep them in order anyway
	for i = 1, 9 do entries[i] = hold(acks, session, "1"); end
	for i = 8, 1, -1 do settle(entries[i + 1]); end -- out of turn
	acks:resume(session);
	local said = {};
	for i = 1, 10 do
		local stanza = receive(acks, session, "1");
		local is_known = acks:is_said_again(session, stanza, function (left)
			said[i] = left;
			return true;
		end);
		t.equal(is_known, i < 10);
	end
	for i = 1, 9 do assert(said[i] == entries[i]); end
end);

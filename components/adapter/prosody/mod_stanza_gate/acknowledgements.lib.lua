-- Acknowledgements (XEP-0198): a stanza counts as handled when it is carried out, refused, bounced or kept for review,
-- and not while it is held (docs/gate-protocol.md, section 5.7).
--
-- Owns a ledger of each session that counts what it hears, and the requests that wait for their answer. Of such a session
-- it keeps `handled_stanza_count`, which mod_smacks raises as soon as a stanza is read, and wraps `run` of its thread. The
-- answers themselves are mod_smacks's own: a request that was put off is given to it again.
--
-- A session's ledger, `stanza_gate_ledger`, is { session, received, handled, beyond, unseen, entries, requests, owed, left,
-- is_in_turn }: how many stanzas came; how many are handled, counted without gaps; places beyond these that are handled; the
-- places of those that the server has read and not processed yet, by stanza; the entries of those that were held, by place;
-- requests { place, stanza, again, asked_at } in their order, and one that was answered too early to be the last word; and
-- after a resumption, entries of which the client does not know that they were heard, in order, and whether it has said
-- nothing else since.
--
-- What was handled in this turn of the server's loop may not have been written yet to whom it goes to, so no count is said
-- before the turn is complete (turns.lib.lua).

local now = require "util.time".monotonic;
local timer = require "util.timer";

local ipairs, next, pairs = ipairs, next, pairs;
local remove, sort = table.remove, table.sort;

-- What is asked for longer than this ago is answered with what is handled by now (XEP-0198, section 4: a request may
-- wait, but not for ever), and once more when the rest is handled.
local PATIENCE_S = 0.2;
-- A client that resumes sends again at once what it has to.
local SAID_AGAIN_WITHIN_S = 60;

local new_methods = module:require "methods";
local ledger_mt, acknowledgements_mt = new_methods(), new_methods();

local function new(turns)
	local self = acknowledgements_mt.new { turns = turns };
	-- Those with requests; those with something handled in this turn; the request that is just given to mod_smacks again.
	self.asking, self.fresh, self.answering = {}, {}, nil;
	-- Resumptions { session, stanza, again } that wait for the end of the turn.
	self.resuming = {};
	self.end_turn = function () self:answer_due(); end;
	-- A filter of what is read from a session.
	self.count = function (stanza, session) return self:note_received(stanza, session); end;
	return self;
end

-- The ledger --------------------------------------------------------------------------------------------------------------

-- The stanza at this place of its session is handled.
function ledger_mt:mark(place)
	local beyond, entries, handled = self.beyond, self.entries, self.handled;
	if place ~= handled + 1 then
		beyond[place] = true;
		return;
	end
	repeat
		beyond[place], entries[place] = nil, nil;
		place = place + 1;
	until not beyond[place];
	self.handled = place - 1;
	local session = self.session;
	-- Prosody takes the fields of a session that has ended.
	if session.handled_stanza_count then
		session.handled_stanza_count = session.handled_stanza_count + self.handled - handled;
	end
	self.owner:note_handled(self);
end

-- What the server has processed without its being held is handled: it was answered, or nobody waits for an answer.
local function mark_processed(ledger)
	local unseen = ledger.unseen;
	if not next(unseen) then return; end
	ledger.unseen = {};
	for _, place in pairs(unseen) do ledger:mark(place); end
end

-- A session's thread processes one stanza after another: when it is idle it has processed them all.
local function watch_thread(ledger, thread)
	local run = thread.run;
	function thread.run(this, input)
		local ok, state, queued = run(this, input);
		if this.state == "ready" and not this.queue[1] then mark_processed(ledger); end
		return ok, state, queued;
	end
end

local function open_ledger(self, session)
	local ledger = ledger_mt.new {
		owner = self, session = session, received = 0, handled = 0, beyond = {}, unseen = {},
		entries = {}, requests = {},
	};
	-- On the session: it outlives this module, which may be loaded again while sessions go on.
	session.stanza_gate_ledger = ledger;
	watch_thread(ledger, session.thread);
	return ledger;
end

-- What is read from a session, after mod_smacks has counted it: it is not handled yet.
function acknowledgements_mt:note_received(stanza, session)
	local handled = session.handled_stanza_count;
	if not handled or stanza.attr.xmlns then return stanza; end
	local ledger = session.stanza_gate_ledger or open_ledger(self, session);
	if ledger.unseen[stanza] then return stanza; end -- by the filter of this module as it was loaded before
	session.handled_stanza_count = handled - 1;
	ledger.received = ledger.received + 1;
	ledger.unseen[stanza] = ledger.received;
	return stanza;
end

-- Whether a session counts this stanza, which it has just said.
function acknowledgements_mt.counts(_, session, stanza)
	local ledger = session.stanza_gate_ledger;
	return ledger and ledger.unseen[stanza];
end

-- This entry of a session is about to be held: its ledger is told when it is settled.
function acknowledgements_mt.enter(_, session, entry)
	local ledger = session.stanza_gate_ledger;
	local place = ledger and ledger.unseen[entry.stanza];
	if not place then return; end
	ledger.unseen[entry.stanza] = nil;
	ledger.entries[place] = entry;
	entry.ledger, entry.place = ledger, place;
end

-- Requests ----------------------------------------------------------------------------------------------------------------

-- Something of this session is handled in this turn.
function acknowledgements_mt:note_handled(ledger)
	if not next(self.fresh) then timer.add_task(0, self.end_turn); end
	self.fresh[ledger] = true;
end

local function answer(self, request)
	self.answering = request.stanza;
	request.again();
	self.answering = nil;
end

-- Answer the requests whose time it is: what was sent before them is handled, or they were made at this time or before.
local function answer_requests(self, ledger, asked_until)
	local requests, handled = ledger.requests, ledger.handled;
	while requests[1] do
		local request = requests[1];
		local is_reached = request.place <= handled;
		if not is_reached and request.asked_at > asked_until then break; end
		remove(requests, 1);
		ledger.owed = not is_reached and request or nil;
		answer(self, request);
	end
	local owed = ledger.owed;
	if owed and owed.place <= handled then
		ledger.owed = nil;
		answer(self, owed);
	end
end

local function can_hear(session)
	return session.conn and not session.destroyed and not session.hibernating;
end

local function attend(self, ledger, asked_until)
	if can_hear(ledger.session) then
		answer_requests(self, ledger, asked_until);
	else
		ledger.requests, ledger.owed = {}, nil; -- a resumption tells the number
	end
	if not ledger.requests[1] and not ledger.owed then self.asking[ledger] = nil; end
end

-- The turn is over: have what was handled in it written, and tell it.
function acknowledgements_mt:answer_due()
	self.turns:complete();
	local fresh, resuming = self.fresh, self.resuming;
	self.fresh, self.resuming = {}, {};
	for ledger in pairs(fresh) do
		if self.asking[ledger] then attend(self, ledger, 0); end
	end
	for _, request in ipairs(resuming) do
		if can_hear(request.session) then answer(self, request); end
	end
end

-- Answer what was asked too long ago.
function acknowledgements_mt:answer_overdue()
	local asked_until = now() - PATIENCE_S;
	for ledger in pairs(self.asking) do
		if not self.fresh[ledger] then attend(self, ledger, asked_until); end
	end
end

-- A client or server asks how much is handled (`<r/>`); `again` gives mod_smacks the request once more. Return true if the
-- answer is put off.
function acknowledgements_mt:put_off(event, again)
	local ledger, stanza = event.origin.stanza_gate_ledger, event.stanza;
	if not ledger or stanza == self.answering then return nil; end
	if ledger.handled == ledger.received and not ledger.requests[1] and not self.fresh[ledger] then return nil; end
	ledger.requests[#ledger.requests + 1] = {
		place = ledger.received, stanza = stanza, again = again, asked_at = now(),
	};
	self.asking[ledger] = true;
	return true;
end

-- A client resumes a session (`<resume/>`), and is told how much of that is handled. Return true if that is put off.
function acknowledgements_mt:put_off_resumption(event, again)
	local session, stanza = event.origin, event.stanza;
	if stanza == self.answering or not next(self.fresh) then return nil; end
	self.resuming[#self.resuming + 1] = { session = session, stanza = stanza, again = again };
	return true;
end

-- Resumption --------------------------------------------------------------------------------------------------------------

-- A session goes on over another connection. Its client was told how much is handled, so it says again all that came after
-- that, be it still held or handled out of turn.
function acknowledgements_mt.resume(_, session)
	local ledger = session.stanza_gate_ledger;
	if not ledger then return; end
	local places, left = {}, {};
	for place in pairs(ledger.entries) do places[#places + 1] = place; end
	sort(places);
	for i, place in ipairs(places) do
		local entry = ledger.entries[place];
		entry.ledger, entry.place = nil, nil;
		left[i] = entry;
	end
	ledger.received, ledger.beyond, ledger.unseen, ledger.entries = ledger.handled, {}, {}, {};
	ledger.requests, ledger.owed = {}, nil;
	if not left[1] then return; end
	ledger.left, ledger.is_in_turn = left, true;
	timer.add_task(SAID_AGAIN_WITHIN_S, function () if ledger.left == left then ledger.left = nil; end end);
end

-- Whether a client that has resumed its session may say again what was heard.
function acknowledgements_mt.may_be_said_again(_, session)
	local ledger = session.stanza_gate_ledger;
	return ledger and ledger.left;
end

-- Whether a stanza was heard before the session was resumed, when it was an entry that `is_same` knows: then it goes no
-- further, and counts as that does. One without an id is known only before the client says anything else.
function acknowledgements_mt.is_said_again(_, session, stanza, is_same)
	local ledger = session.stanza_gate_ledger;
	local left, place = ledger.left, ledger.unseen[stanza];
	for i, entry in ipairs(place and (stanza.attr.id or ledger.is_in_turn) and left or {}) do
		if is_same(entry) then
			remove(left, i);
			ledger.unseen[stanza] = nil;
			if entry.is_settled then
				ledger:mark(place);
			else
				entry.ledger, entry.place, ledger.entries[place] = ledger, place, entry;
			end
			return true;
		end
	end
	ledger.is_in_turn = false;
	return false;
end

return { new = new };

-- The window: numbers, bounds, and how far everything is settled.

local t = ...;
local window = t.load "window";

local function new_sender()
	return { held = 0, held_bytes = 0, unanswered = 0 };
end

local function enter(w, sender, fields)
	local entry = fields or {};
	entry.sender = sender;
	entry.held_at = entry.held_at or t.now_s;
	w:enter(entry, entry.text or "<message/>");
	return entry;
end

local function numbers(w)
	local found = {};
	for entry in w:each() do found[#found + 1] = entry.seq; end
	return found;
end

t.test("numbers ascend from 1 in an epoch of its own", function ()
	local w, other = window.new(10, 1000), window.new(10, 1000);
	local sender = new_sender();
	for seq = 1, 3 do t.equal(enter(w, sender).seq, seq); end
	t.equal(numbers(w), { 1, 2, 3 });
	t.equal({ w.first_seq, w.next_seq, w.count, w.bytes, sender.held }, { 1, 4, 3, 30, 3 });
	assert(#w.epoch == 16 and w.epoch:match "^%x+$" and w.epoch ~= other.epoch);
end);

t.test("the first number moves over what has left", function ()
	local w, sender = window.new(10, 1000), new_sender();
	local entries = {};
	for seq = 1, 5 do entries[seq] = enter(w, sender); end
	w:remove(entries[2]);
	w:remove(entries[4]);
	t.equal({ w.first_seq, numbers(w) }, { 1, { 1, 3, 5 } });
	w:remove(entries[1]);
	t.equal(w.first_seq, 3);
	w:remove(entries[3]);
	t.equal(w.first_seq, 5);
	w:remove(entries[5]);
	t.equal({ w.first_seq, w.next_seq, w.count, w.bytes, sender.held, sender.unanswered }, { 6, 6, 0, 0, 0, 0 });
	t.equal(numbers(w), {});
	t.equal(enter(w, sender).seq, 6);
end);

t.test("all is settled up to the first that is not", function ()
	local w, sender = window.new(10, 1000), new_sender();
	local entries = {};
	for seq = 1, 4 do entries[seq] = enter(w, sender); end
	local done = {};
	for _, seq in ipairs { 3, 2, 4, 1 } do
		w:remove(entries[seq]);
		w:settle(entries[seq]);
		done[#done + 1] = w.done_through;
	end
	t.equal(done, { 0, 0, 0, 4 });
	t.equal({ next(w.settled), w.open_count }, { nil, 0 });
end);

t.test("what is settled counts as written from the next turn on", function ()
	local w, sender = window.new(10, 1000), new_sender();
	local first, second = enter(w, sender), enter(w, sender);
	w:remove(first);
	w:settle(first);
	t.equal({ w.done_through, w.written_through }, { 1, 0 });
	w:note_turn();
	w:remove(second);
	w:settle(second);
	t.equal({ w.done_through, w.written_through }, { 2, 1 });
end);

t.test("a ledger hears where its entry stood", function ()
	local w = window.new(10, 1000);
	local ledger, marks = t.spy { "mark" };
	local entry = enter(w, new_sender(), { ledger = ledger, place = 7 });
	w:remove(entry);
	t.equal(entry.is_settled, nil);
	w:settle(entry);
	t.equal({ entry.is_settled, marks }, { true, { { "mark", 7 } } });
end);

t.test("it is full by stanzas or by bytes", function ()
	local w, sender = window.new(2, 1000), new_sender();
	enter(w, sender);
	t.equal(w:is_full(), false);
	enter(w, sender);
	t.equal(w:is_full(), true);
	w = window.new(10, 20);
	local entry = enter(w, sender);
	t.equal(w:is_full(), false);
	enter(w, sender);
	t.equal(w:is_full(), true);
	w:remove(entry);
	t.equal(w:is_full(), false);
end);

t.test("reading stops at a quarter and goes on at an eighth", function ()
	local w, sender, entries = window.new(16, 10000), new_sender(), {};
	local seen = {};
	for seq = 1, 4 do
		entries[seq] = enter(w, sender);
		seen[seq] = { w:is_high(), w:is_low() };
	end
	t.equal(seen, { { false, true }, { false, true }, { false, false }, { true, false } });
	w:remove(entries[1]);
	t.equal({ w:is_high(), w:is_low() }, { false, false });
	w:remove(entries[2]);
	t.equal(w:is_low(), true);
end);

t.test("a large window is high at 1024 stanzas", function ()
	local w, sender = window.new(100000, 1e9), new_sender();
	for _ = 1, 1023 do enter(w, sender); end
	t.equal(w:is_high(), false);
	enter(w, sender);
	t.equal(w:is_high(), true);
end);

t.test("what is overdue comes once and in order", function ()
	local w, sender = window.new(10, 1000), new_sender();
	for seq = 1, 4 do enter(w, sender, { held_at = 1000 + seq, patient = seq == 2 }); end
	t.equal(w:next_overdue(1000), nil);
	t.equal(w:next_overdue(1003).seq, 1);
	t.equal(w:next_overdue(1003).seq, 3);
	t.equal(w:next_overdue(1003), nil);
	t.equal(w:next_overdue(math.huge).seq, 4);
	t.equal(w:next_overdue(math.huge), nil);
	enter(w, sender, { held_at = 1005 });
	t.equal(w:next_overdue(1005).seq, 5);
end);

t.test("what has left is not overdue", function ()
	local w, sender = window.new(10, 1000), new_sender();
	local first, second = enter(w, sender), enter(w, sender);
	enter(w, sender);
	w:remove(second);
	w:remove(first);
	t.equal(w:next_overdue(t.now_s).seq, 3);
end);

t.test("a patient entry expects no answer and keeps nothing from draining", function ()
	local w, sender = window.new(2, 1000), new_sender();
	local farewell, message = enter(w, sender, { patient = true }), enter(w, sender);
	t.equal({ sender.held, sender.unanswered, w:is_drained() }, { 2, 1, false });
	w:remove(message);
	t.equal(w:is_drained(), false); -- it is still being carried out
	w:settle(message);
	t.equal({ w:is_drained(), w:is_full_of_patient() }, { true, false });
	w:make_patient(enter(w, sender));
	t.equal({ sender.unanswered, w:is_drained(), w:is_full_of_patient() }, { 0, true, true });
	w:make_patient(farewell);
	t.equal(w.patient_count, 2);
	w:remove(farewell);
	t.equal({ w.patient_count, w:is_full_of_patient() }, { 1, false });
end);

t.test("a farewell that leaves is forgotten", function ()
	local w, sender = window.new(10, 1000), new_sender();
	local other, farewell = enter(w, sender), enter(w, sender, { patient = true });
	sender.farewell = farewell;
	w:remove(other);
	t.equal(sender.farewell == farewell, true);
	w:remove(farewell);
	t.equal(sender.farewell, nil);
end);

t.test("counts are those of a plain list whatever comes and goes", function ()
	math.randomseed(20261128);
	local w = window.new(50, 5000);
	local senders, list, leaving = { new_sender(), new_sender() }, {}, {};
	for _ = 1, 5000 do
		local act = math.random(4);
		if act <= 2 and not w:is_full() then
			local fields = { text = ("x"):rep(math.random(1, 200)), patient = math.random(5) == 1 or nil };
			list[#list + 1] = enter(w, senders[math.random(2)], fields);
		elseif act == 3 and #list > 0 then
			local entry = table.remove(list, math.random(#list));
			w:remove(entry);
			leaving[#leaving + 1] = entry;
		elseif act == 4 and #leaving > 0 then
			w:settle(table.remove(leaving, math.random(#leaving)));
		elseif #list > 0 then
			w:make_patient(list[math.random(#list)]);
		end
		local seqs, bytes, patient, held, unanswered = {}, 0, 0, { 0, 0 }, { 0, 0 };
		local done_through = w.next_seq - 1;
		for i, entry in ipairs(list) do
			seqs[i], bytes = entry.seq, bytes + #entry.xml;
			patient = patient + (entry.patient and 1 or 0);
			local of = entry.sender == senders[1] and 1 or 2;
			held[of], unanswered[of] = held[of] + 1, unanswered[of] + (entry.patient and 0 or 1);
			done_through = math.min(done_through, entry.seq - 1);
		end
		for _, entry in ipairs(leaving) do done_through = math.min(done_through, entry.seq - 1); end
		t.equal(numbers(w), seqs);
		t.equal(
			{ w.count, w.bytes, w.patient_count, w.open_count, w.first_seq, w.done_through },
			{ #list, bytes, patient, #list + #leaving, seqs[1] or w.next_seq, done_through }
		);
		for of, sender in ipairs(senders) do
			t.equal({ sender.held, sender.unanswered }, { held[of], unanswered[of] });
		end
	end
end);

t.test("a sender's bytes are counted as they are submitted, also in another way", function ()
	local w, sender, entries = window.new(10, 1000), new_sender(), {};
	for i, xml in ipairs { "four", "sixsix" } do
		entries[i] = { sender = sender };
		w:enter(entries[i], xml);
	end
	t.equal({ w.bytes, sender.held_bytes }, { 10, 10 });
	w:rewrite(entries[1], "eighteen");
	t.equal({ entries[1].xml, w.bytes, sender.held_bytes }, { "eighteen", 14, 14 });
	w:remove(entries[1]);
	w:remove(entries[2]);
	t.equal({ w.bytes, sender.held_bytes, sender.held }, { 0, 0, 0 });
end);

t.test("what streams of one share have in the window counts for all of them", function ()
	local w, share = window.new(10, 1000), { held = 0, held_bytes = 0, made = 0 };
	local one, two, alone = new_sender(), new_sender(), new_sender();
	one.share, two.share = share, share;
	local first = enter(w, one, { text = "<a/>", stanza = {} });
	enter(w, two, { text = "<bb/>", stanza = {} });
	enter(w, alone, { text = "<ccc/>", stanza = {} });
	t.equal(share, { held = 2, held_bytes = 9, made = 0 });
	w:rewrite(first, "<longer/>");
	t.equal({ share, one.held_bytes }, { { held = 2, held_bytes = 14, made = 0 }, 9 });
	w:remove(first);
	t.equal({ share, one.held, two.held }, { { held = 1, held_bytes = 5, made = 0 }, 0, 1 });
end);

t.test("what the server makes itself counts apart", function ()
	local w, share, sender = window.new(10, 1000), { held = 0, held_bytes = 0, made = 0 }, new_sender();
	sender.share = share;
	local made = enter(w, sender, { text = "<a/>", patient = true });
	enter(w, sender, { text = "<b/>", stanza = {} });
	t.equal({ share.held, share.made }, { 2, 1 });
	w:remove(made);
	t.equal({ share.held, share.made }, { 1, 0 });
end);

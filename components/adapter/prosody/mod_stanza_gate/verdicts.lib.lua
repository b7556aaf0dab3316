-- Verdicts: carries out the gate's decisions on recorded entries (docs/gate-protocol.md, section 4.2).
--
-- Owns nothing: it takes entries out of the window in the order of their numbers, and gives each to its sender's
-- runner, refuses it or discards it. A stanza that is carried out is the original object, with a receipt and what was
-- amended.

local full_sessions = prosody.full_sessions;
local ipairs = ipairs;

-- parts: wire, window, answers, unheard_errors, senders, carrying, link, quarantine, receipts.
local verdicts_mt = module:require "methods"();

-- What is changed in a stanza ---------------------------------------------------------------------------------------------

-- Put the amended content into the original object: whoever holds a reference to it sees the amended stanza.
local function amend(stanza, amended)
	for i = #stanza, 1, -1 do stanza[i] = nil; end
	for i = #stanza.tags, 1, -1 do stanza.tags[i] = nil; end
	for _, child in ipairs(amended) do
		stanza[#stanza + 1] = child;
		if child.name then stanza.tags[#stanza.tags + 1] = child; end
	end
end

-- One entry ---------------------------------------------------------------------------------------------------------------

-- A farewell that had to wait for the gate is no longer true when the same address is back.
local function is_overtaken(entry)
	local origin = entry.sender.origin;
	return entry.patient and full_sessions[origin.full_jid] and full_sessions[origin.full_jid].presence;
end

-- It goes no further. Its sender gets the gate's error, if there is one.
local function refuse(self, entry, exception)
	local error_tag = exception:get_child("error");
	if not entry.injected and (error_tag or exception.name == "refuse") then
		self.answers:refuse(entry.sender.origin, entry.stanza, error_tag);
		if exception.name == "refuse" then self.unheard_errors:note(entry.ledger, entry.place); end
	end
	self.window:settle(entry);
end

-- Apply what the verdict says about this entry alone. Return whether it is carried out.
local function except(self, entry, exception)
	if exception.name == "refuse" or exception.name == "keep" then
		refuse(self, entry, exception);
		return false;
	elseif exception.name == "bounce" then
		self.carrying:give_back(entry);
		return false;
	end
	local amended = exception.name == "amend" and self.wire.read_forwarded(exception);
	if not amended then
		module:log("error", "Verdict on stanza %d not understood: %s", entry.seq, exception:top_tag());
		self.carrying:give_back(entry);
		return false;
	end
	amend(entry.stanza, self.wire.without_client_namespace(amended));
	return true;
end

local function is_request(iq)
	return iq.attr.type == "get" or iq.attr.type == "set";
end

local function carry_out(self, entry, exception, receipt)
	self.window:remove(entry);
	local stanza = entry.stanza;
	if not stanza or is_overtaken(entry) then
		return self.window:settle(entry);
	end
	if exception and not except(self, entry, exception) then return; end
	local receipts, kind = self.receipts, stanza.name;
	receipts:remove_forged(stanza);
	if kind == "message" then
		receipts:add(stanza, receipt);
	elseif kind == "iq" and not stanza.tags[1] and is_request(stanza) then
		return self.carrying:give_back(entry, "empty"); -- a request was nothing but a forged receipt
	end
	entry.sender.runner:run(entry);
end

-- From the gate -----------------------------------------------------------------------------------------------------------

-- Whether a verdict is the next one on what was submitted.
local function is_in_turn(self, verdict, attr)
	local window, seq, through = self.window, verdict.seq, verdict.through;
	if verdict.epoch ~= window.epoch or not seq or not through or not verdict.first or through >= window.next_seq then
		module:log("error", "Verdict for what was never submitted: epoch %s, seq %s to %s", attr.epoch, attr.seq, attr.through);
		return false;
	elseif seq > window.first_seq then
		module:log("error", "Verdict out of order: for %d, while %d has none", seq, window.first_seq);
		return false;
	end
	return true;
end

function verdicts_mt:take(element)
	local verdict = self.wire.read_verdict(element);
	if not is_in_turn(self, verdict, element.attr) then return; end
	self.link:end_silence();
	local entries, exceptions = self.window.entries, verdict.exceptions;
	local offset, id_prefix = verdict.first - verdict.seq, verdict.log .. "/";
	for seq = verdict.seq, verdict.through do
		local entry = entries[seq];
		if entry then
			local sender = entry.sender;
			carry_out(self, entry, exceptions and exceptions[seq], id_prefix .. (offset + seq));
			sender:close_if_answered();
		end
	end
	self.quarantine:note_verdict();
	self.senders:resume_paused();
end

return { new = verdicts_mt.new };

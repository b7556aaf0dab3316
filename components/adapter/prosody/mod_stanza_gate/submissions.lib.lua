-- Submissions: puts stanzas into the window and sends them to the gate, to be held or only recorded.
--
-- Owns the last `done` that the gate got. Each call makes an entry, or refuses a stanza. Touches the window, the link
-- and the sender's `farewell`, may pause the sender, and answers whoever is turned away.

local st = require "util.stanza";
local now = require "util.time".monotonic;

local submissions_mt = module:require "methods"();

-- parts: wire, window, link, quarantine, status, answers, senders, acknowledgements, unheard_errors, returned, passwords,
-- hosts, max_stanza_bytes.
local function new(parts)
	parts.told_done = 0;
	return submissions_mt.new(parts);
end

local function head_of(self, sender, host, way, mark)
	local kind = mark or way;
	local heads = sender.heads[kind];
	if not heads then
		heads = {};
		sender.heads[kind] = heads;
	end
	local head = heads[host];
	if not head then
		head = self.wire.encode_head(host, self.link.gate, {
			epoch = self.window.epoch, way = way, session = sender.id, stopped = mark == "stopped", counted = mark == "counted",
		});
		heads[host] = head;
	end
	return head;
end

-- The number of the next submission, and the number up to which all is done, if it has changed: then little is unknown
-- after the server is killed.
local function next_number(self)
	local seq, done = self.window.next_seq, self.status:known_done();
	if done == self.told_done then return seq; end
	self.told_done = done;
	return seq .. "' done='" .. done;
end

-- An entry with room for all that it will have: a table that grows is laid out anew each time.
local function new_entry(sender, stanza, as, patient, injected)
	return {
		sender = sender, stanza = stanza, as = as, patient = patient, injected = injected, held_at = stanza and now(),
		seq = 0, xml = "", from = nil, to = nil, hush = nil, told = nil, is_settled = false, is_returned = nil,
	};
end

local function enter(self, entry, xml)
	self.window:enter(entry, xml);
	self.quarantine:submit(entry);
end

-- Held --------------------------------------------------------------------------------------------------------------------

-- Whether the gate is away, and this does not wait for it.
local function is_interrupted(self, stanza, way)
	local link, returned = self.link, self.returned;
	if not link:is_silent() then return false; end
	return link.is_stopped or not returned:is_one(stanza, way) or not returned:has_room();
end

local function turn_away(self, origin, stanza, reason)
	self.answers:bounce(origin, stanza, reason);
	local ledger = origin.stanza_gate_ledger;
	self.unheard_errors:note(ledger, ledger and ledger.unseen[stanza]);
end

-- Whether nothing is held now; then the stanza is bounced.
local function is_turned_away(self, origin, stanza, host, way)
	local window, reason = self.window, nil;
	-- The gate's own way round the server is there as long as the server is.
	if is_interrupted(self, stanza, way) or way ~= "canary" and not self.hosts:is_held(host) then
		reason = "interrupted";
	elseif window:is_full() then
		reason = "overloaded";
		module:log("warn", "Window full (%d stanzas, %d bytes): a stanza was turned away", window.count, window.bytes);
	end
	if not reason then return false; end
	self.status:add_turned_away();
	if self.returned:is_one(stanza, way) then module:log("warn", "An error from %s is dropped: %s", stanza.attr.from, reason); end
	turn_away(self, origin, stanza, reason);
	return true;
end

-- A client that has ended may have said good-bye itself, only nobody has heard it yet: one is enough. Return whether.
local function has_farewell(self, sender)
	if not sender.farewell then return false; end
	self.window:make_patient(sender.farewell);
	return true;
end

-- Whether a client that has resumed its session sends again what was held before (XEP-0198): once is enough.
local function is_said_again(self, origin, stanza, host, way)
	local acknowledgements = self.acknowledgements;
	if not acknowledgements:may_be_said_again(origin) then return false; end
	local wire, head = self.wire, head_of(self, self.senders:of(origin), host, way);
	local xml = wire.encode_stanza(head, 0, self.passwords:hide(origin, stanza));
	local said = xml and wire.said_in(xml);
	return said and acknowledgements:is_said_again(origin, stanza, function (entry)
		entry.said = entry.said or wire.said_in(entry.xml);
		return entry.said == said;
	end);
end

-- Hold a stanza of `origin` until its verdict, then carry it out `as` carrying.lib.lua says. Return true: the stanza
-- goes no further now in any case.
function submissions_mt:hold(origin, stanza, host, way, as)
	local ended = origin.destroyed;
	if not ended and is_said_again(self, origin, stanza, host, way) then return true; end
	if not ended and is_turned_away(self, origin, stanza, host, way) then return true; end
	local sender = self.senders:of(origin);
	-- The server sends one object to many when a session ends, changing its address each time.
	if ended then stanza = st.clone(stanza); end
	local head = head_of(self, sender, host, way, self.acknowledgements:counts(origin, stanza) and "counted");
	local told = self.passwords:hide(origin, stanza);
	local xml, problem = self.wire.encode_stanza(head, next_number(self), told, self.max_stanza_bytes);
	if not xml then
		module:log("warn", "A stanza from %s was refused: %s", stanza.attr.from, problem);
		turn_away(self, origin, stanza, problem);
		return true;
	end
	if ended and has_farewell(self, sender) then return true; end
	-- The farewell of an ended session has nobody to be bounced to, and contacts need it whenever recording is back.
	local entry = new_entry(sender, stanza, as, ended);
	if not ended then self.acknowledgements:enter(origin, entry); end
	enter(self, entry, xml);
	if stanza.name == "presence" and not stanza.attr.to then
		sender.farewell = stanza.attr.type == "unavailable" and entry or nil;
	end
	entry.is_returned = not ended and self.returned:is_one(stanza, way);
	if entry.is_returned and self.link:is_silent() then
		self.returned:keep(entry);
	elseif way ~= "canary" then -- never the gate itself, because then nobody would read its verdicts
		self.senders:pause_if_high(sender);
	end
	return true;
end

-- Hold a stanza that the gate asks for, for the request with this id. Return nothing: if there is no room, the gate
-- asks again.
function submissions_mt:inject(origin, stanza, as, id)
	if self.window:is_full() or self.link:is_silent() or not self.hosts:is_held(origin.host) then return; end
	local sender = self.senders:of(origin);
	local head = self.wire.encode_head(self.link:own_domain(), self.link.gate, {
		epoch = self.window.epoch, way = "gate", session = sender.id, inject = id,
	});
	local xml = self.wire.encode_stanza(head, next_number(self), stanza);
	if xml then
		enter(self, new_entry(sender, stanza, as, nil, true), xml);
	end
end

-- Only recorded -----------------------------------------------------------------------------------------------------------

-- Submit what the server itself made in a session's name, as a consequence of a recorded stanza: it is not held, because
-- the server goes on changing the very object that it sends. It may be `stopped`: it then goes nowhere.
function submissions_mt:note(origin, stanza, host, stopped)
	local sender = self.senders:of(origin);
	local xml = self.wire.encode_stanza(head_of(self, sender, host, "server", stopped and "stopped"), next_number(self), stanza);
	if xml then
		enter(self, new_entry(sender, nil, nil, true), xml);
	else
		module:log("error", "What the server sent for %s could not be recorded: it has no XML form", stanza.attr.from);
	end
end

-- Submit an event of a session.
function submissions_mt:note_event(session, name, attr)
	local sender = self.senders:of(session);
	local head = head_of(self, sender, session.host, "session");
	enter(self, new_entry(sender, nil, nil, true), self.wire.encode_event(head, next_number(self), name, attr));
end

return { new = new };

-- The Prosody adapter of the stanza gate: urn:steelyard:gate:0 (docs/gate-protocol.md).
--
-- Every stanza that a client, a federated server or a component hands to this server is held here, submitted to the
-- gate, and carried out only when the gate's verdict says that it is recorded. There is no policy in this file.
--
-- stanza -> hold() -> submit() ... verdict -> settle or carry_out(), in the stanza's own session
-- what the server makes -> note(), and stops where a border is in the way (borders.lib.lua)
--
-- Settings: stanza_gate (the gate's JID, an external component), stanza_gate_timeout (seconds), stanza_gate_window
-- (stanzas), stanza_gate_window_bytes, stanza_gate_session_window (stanzas), stanza_gate_federated (domains).

module:set_global();

local async = require "util.async";
local borders = module:require "borders";
local filters = require "util.filters";
local jid_host = require "util.jid".host;
local jid_split = require "util.jid".split;
local lxp = require "lxp";
local modulemanager = require "core.modulemanager";
local new_uuid = require "util.uuid".generate;
local now = require "util.time".monotonic;
local st = require "util.stanza";
local timer = require "util.timer";

local hosts, bare_sessions, full_sessions = prosody.hosts, prosody.bare_sessions, prosody.full_sessions;
local core_post_stanza, core_route_stanza = prosody.core_post_stanza, prosody.core_route_stanza;
local running, next, pairs, tostring, tonumber = coroutine.running, next, pairs, tostring, tonumber;
local concat, find, gsub = table.concat, string.find, string.gsub;

local XMLNS = "urn:steelyard:gate:0";
local XMLNS_FORWARD = "urn:xmpp:forward:0";
local XMLNS_SID = "urn:xmpp:sid:0";
local XMLNS_MUC_USER = "http://jabber.org/protocol/muc#user";
local FIRST = 1e6; -- hook priority: before every other module

local gate_host = module:get_option_string("stanza_gate");
local timeout_s = module:get_option_number("stanza_gate_timeout", 5);
local max_stanzas = module:get_option_number("stanza_gate_window", 16384);
local max_bytes = module:get_option_number("stanza_gate_window_bytes", 32 * 1024 * 1024);
local max_per_session = module:get_option_number("stanza_gate_session_window", 256);
local federated = module:get_option_set("stanza_gate_federated", {});

if not gate_host then
	error("mod_stanza_gate needs stanza_gate, the JID of the gate's component, in the configuration", 0);
end

-- Reading from clients pauses above the high-water mark, so that the window itself only fills when the gate is stuck.
-- A longer queue carries no more; it only makes everybody wait.
local high_stanzas, high_bytes = math.min(max_stanzas / 4, 1024), max_bytes / 4;

-- An epoch is one life of this process: what it held dies with it, so its numbers are never continued.
local epoch = new_uuid():gsub("%-", ""):sub(1, 16);

-- The window: entries by sequence number, from first_seq to next_seq - 1. An entry leaves it with its verdict or its bounce.
local window, first_seq, next_seq = {}, 1, 1;
local window_count, window_bytes = 0, 0;
-- done_through: everything up to here is carried out, refused or bounced; settled: what is so beyond it.
local done_through, settled = 0, {};
-- What ran out of time, until the gate has noted it: { seq, status number that reported it }.
local bounced, status_number, done_reported = {}, 0, 0;
-- Bounced on arrival, since the last status: never numbered, because never accepted.
local turned_away = 0;
-- Session events and the like that wait for the gate without a time limit.
local patient_count = 0;

local gate_session; -- the gate's stream, while it is connected
local silent_since = now(); -- no gate, or an entry out of time: since then everything is bounced on arrival
local expiry_seq = 1; -- nothing before it can run out of time any more

local senders = setmetatable({}, { __mode = "k" }); -- session -> sender
local paused = {}; -- senders that we stopped reading from
local carrying_out = setmetatable({}, { __mode = "k" }); -- coroutine -> true while it carries a stanza out
local released; -- the stanza that is just being handed back to the server
local submitted = setmetatable({}, { __mode = "k" }); -- presence -> true once its session's `pre-stanza` has seen it
local sender_count = 0;
local departed = setmetatable({}, { __mode = "v" }); -- full JID -> the sender of a session that has ended

local function integer(text)
	return math.tointeger(tonumber(text));
end

local function escape(text)
	return st.xml_escape(tostring(text));
end

-- Senders: a session, what it has in the window, and the runner in which its stanzas are carried out ------------------

local settle, bounce, close_if_answered; -- below

local RECORDING_DOWN = "This line is recorded, and recording is interrupted. Nothing was sent. Please try again in a moment.";
local WINDOW_FULL = "This line is overloaded. Nothing was sent. Please try again in a moment.";
local CARRYING_OUT_FAILED = "The server could not deliver this. Please tell your support desk.";

-- What could not be carried out after all: its sender learns it, and the log will not say that it was. Of what the gate
-- wanted said, the gate alone learns it; and whether that was the server's own answer.
local function give_back(entry)
	bounced[#bounced + 1] = { seq = entry.seq, refused = entry.refused };
	settle(entry.seq);
	if not entry.injected then
		bounce(entry.sender.origin, entry.stanza, "internal-server-error", CARRYING_OUT_FAILED);
	end
end

-- While what the gate wanted said is carried out, an error that the server answers it with is for the gate. Returns what ends that.
local function hear_errors(entry)
	local origin, id = entry.sender.origin, entry.stanza.attr.id;
	local send, listening = origin.send, true;
	local function hear(reply, ...)
		if listening and reply.attr and reply.attr.type == "error" and reply.attr.id == id then
			entry.refused = true;
			return true;
		end
		return send(reply, ...);
	end
	origin.send = hear;
	return function ()
		listening = false;
		if origin.send == hear then origin.send = send; end
	end
end

-- The sender's own coroutine: PEP, pubsub and MAM may wait in it, and no other sender waits for them.
local function new_runner(sender)
	return async.runner(function (entry)
		local thread = running();
		sender.current = entry;
		carrying_out[thread] = true;
		released = entry.stanza;
		entry.hush = entry.injected and hear_errors(entry);
		if entry.routed then
			core_route_stanza(sender.origin, entry.stanza);
		else
			core_post_stanza(sender.origin, entry.stanza, entry.preevents);
		end
		carrying_out[thread] = nil;
		if entry.hush then entry.hush(); end
		if entry.refused then
			return give_back(entry);
		end
		settle(entry.seq);
	end, {
		error = function (_, err)
			local entry = sender.current;
			module:log("error", "Carrying out stanza %d failed: %s", entry.seq, err);
			released = nil;
			if entry.hush then entry.hush(); end
			give_back(entry);
		end;
		waiting = function () end;
		ready = function () close_if_answered(sender); end;
	}, sender);
end

local id_prefix = { c2s = "c", s2sin = "s", s2sout = "s", component = "x" };

local function sender_of(origin)
	local sender = senders[origin];
	if not sender then
		sender_count = sender_count + 1;
		sender = { origin = origin, id = (id_prefix[origin.type] or "h") .. sender_count, held = 0, unanswered = 0, heads = {} };
		sender.runner = new_runner(sender);
		senders[origin] = sender;
	end
	return sender;
end

-- What a session leaves behind when it ends with stanzas in the window: its fields, so that they are carried out as if
-- it were there. Prosody empties the session itself.
local function leave_behind(session)
	local sender = senders[session];
	if not sender then return; end
	local remains = {};
	for key, value in pairs(session) do remains[key] = value; end
	remains.destroyed, remains.conn = true, nil;
	if session.full_jid then
		remains.send = function () return false; end;
		remains.rawsend = remains.send;
		departed[session.full_jid] = sender;
	end
	sender.origin = remains;
	paused[sender] = nil;
end

-- A client may say its last words and close the stream in one write. Their answers come when the gate has spoken, so a
-- stream that the client closes stays open for as long as something of it is held.
local function close_when_answered(session)
	local close = session.close;
	function session.close(self, reason)
		local sender = senders[session];
		if reason == false and sender and sender.unanswered > 0 then
			sender.close = close;
		else
			close(self, reason);
		end
	end
end

function close_if_answered(sender)
	if sender.close and sender.unanswered == 0 and sender.runner.state == "ready" then
		local close = sender.close;
		sender.close = nil;
		if not sender.origin.destroyed then close(sender.origin, false); end
	end
end

local function pause(sender)
	local conn = sender.origin.conn;
	if conn and conn.pause and not paused[sender] then
		paused[sender] = true;
		conn:pause();
	end
end

local function resume_paused()
	if window_count > high_stanzas / 2 or window_bytes > high_bytes / 2 then return; end
	for sender in pairs(paused) do
		if sender.held <= max_per_session / 2 then
			paused[sender] = nil;
			local conn = sender.origin.conn;
			if conn and conn.resume then
				conn:resume();
				-- TLS may hold data already that no socket event will announce.
				conn:pausefor(0);
			end
		end
	end
end

-- The link to the gate -------------------------------------------------------------------------------------------------

-- The address that this server's own words come from: any of its user domains.
local function local_domain()
	for host, host_session in pairs(hosts) do
		if host_session.type == "local" then return host; end
	end
	return gate_host;
end

-- Submissions go out in packs: a write costs more than a submission, and a gate that gets a pack early decides on it
-- while the next one is still being read here.
local PACK = 32;
local outbox, outbox_count = {}, 0;

local function flush()
	if outbox_count == 0 then return; end
	local conn = gate_session and gate_session.conn;
	if conn then
		conn:write(concat(outbox, "", 1, outbox_count));
		-- Prosody writes when the socket is polled next, which is after everything that can be read now has been.
		if conn.onwritable and conn._writable then conn:onwritable(); end
	end
	for i = 1, outbox_count do outbox[i] = nil; end
	outbox_count = 0;
end

local function submit(xml)
	if not gate_session then return; end
	if outbox_count == 0 then timer.add_task(0, flush); end
	outbox_count = outbox_count + 1;
	outbox[outbox_count] = xml;
	if outbox_count == PACK then flush(); end
end

local function send_status()
	if not gate_session then return; end
	status_number = status_number + 1;
	local buf = {
		"<message from='" .. escape(local_domain()) .. "' to='" .. escape(gate_host) .. "'><status xmlns='" .. XMLNS
		.. "' epoch='" .. epoch .. "' n='" .. status_number .. "' first='" .. first_seq .. "' next='" .. next_seq .. "' done='" .. done_through
		.. "' turned-away='" .. turned_away .. "'>"
	};
	for _, item in ipairs(bounced) do
		item.reported = item.reported or status_number;
		buf[#buf + 1] = "<bounced seq='" .. item.seq .. (item.refused and "' refused='true'/>" or "'/>");
	end
	buf[#buf + 1] = "</status></message>";
	done_reported, turned_away = done_through, 0;
	submit(concat(buf));
end

function settle(seq)
	if seq ~= done_through + 1 then
		settled[seq] = true;
		return;
	end
	repeat
		settled[seq] = nil;
		seq = seq + 1;
	until not settled[seq];
	done_through = seq - 1;
end

local function remove(entry)
	window[entry.seq] = nil;
	window_count, window_bytes = window_count - 1, window_bytes - #entry.xml;
	local sender = entry.sender;
	sender.held = sender.held - 1;
	if entry.patient then
		patient_count = patient_count - 1;
	else
		sender.unanswered = sender.unanswered - 1;
	end
	if entry.seq == first_seq then
		repeat first_seq = first_seq + 1; until window[first_seq] or first_seq >= next_seq;
	end
	if sender.farewell == entry then sender.farewell = nil; end
end

local function can_answer(stanza)
	local type = stanza.attr.type;
	if stanza.attr.from == gate_host then return false; end -- a canary: the gate sees itself that it is not back
	return type ~= "error" and not (stanza.name == "iq" and type ~= "get" and type ~= "set");
end

function bounce(origin, stanza, condition, text)
	if can_answer(stanza) and origin.send then
		origin.send(st.error_reply(stanza, "wait", condition, text));
	end
end

local function refuse_unwritable(origin, stanza)
	if can_answer(stanza) and origin.send then
		origin.send(st.error_reply(stanza, "modify", "bad-request", "This stanza cannot be recorded, so it was not sent."));
	end
end

-- Submitting -------------------------------------------------------------------------------------------------------------

local escapes = { ["'"] = "&apos;", ["\""] = "&quot;", ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;" };

-- Addresses, types and namespaces come again and again; looking at each of their characters does not pay.
local escaped_values, escaped_count = {}, 0;

local function escape_attribute(value)
	local text = escaped_values[value];
	if text then return text; end
	text = gsub(value, "['&<>\"]", escapes);
	if #value <= 256 then
		if escaped_count == 4096 then escaped_values, escaped_count = {}, 0; end
		escaped_values[value], escaped_count = text, escaped_count + 1;
	end
	return text;
end

local function escape_text(text)
	if find(text, "&", 1, true) or find(text, "<", 1, true) or find(text, ">", 1, true) then
		text = gsub(text, "[&<>]", escapes);
	end
	return text;
end

-- Write a stanza into buf after position n, and return the last position: less than half of what tostring() costs.
local function serialize(stanza, buf, n, parent_xmlns)
	local attr = stanza.attr;
	buf[n + 1], buf[n + 2] = "<", stanza.name;
	n = n + 2;
	for key, value in next, attr do
		if key ~= "xmlns" or value ~= parent_xmlns then
			buf[n + 1], buf[n + 2], buf[n + 3], buf[n + 4], buf[n + 5] = " ", key, "='", escape_attribute(value), "'";
			n = n + 5;
		end
	end
	local length = #stanza;
	if length == 0 then
		buf[n + 1] = "/>";
		return n + 1;
	end
	n = n + 1;
	buf[n] = ">";
	for i = 1, length do
		local child = stanza[i];
		if child.name then
			n = serialize(child, buf, n, attr.xmlns);
		else
			n = n + 1;
			buf[n] = escape_text(child);
		end
	end
	buf[n + 1], buf[n + 2], buf[n + 3] = "</", stanza.name, ">";
	return n + 3;
end

local scratch = {};

-- Whether the gate's parser will take it. Prosody keeps attributes of another namespace as "namespace\1name", and writes what
-- clients name with the reserved prefix xml: in a way that no parser reads.
local function is_well_formed(xml)
	local parser = lxp.new({}, "\1");
	local ok = parser:parse(xml) and parser:parse();
	if ok then parser:close(); end -- after an error it would raise that error
	return ok;
end

-- A submission's XML: its head, its number, and the stanza; nil if the stanza cannot be written as XML.
local function encode_submission(head, seq, stanza)
	local attr = stanza.attr;
	local xmlns = attr.xmlns;
	attr.xmlns = "jabber:client";
	scratch[1], scratch[2], scratch[3] = head, seq, "'><forwarded xmlns='urn:xmpp:forward:0'>";
	local n = serialize(stanza, scratch, 3, XMLNS_FORWARD) + 1;
	scratch[n] = "</forwarded></held></message>";
	local xml = concat(scratch, "", 1, n);
	if find(xml, "\1", 1, true) or find(xml, "http://www.w3.org/", 1, true) then
		xml = concat { head, seq, scratch[3], tostring(stanza), scratch[n] };
		if not is_well_formed(xml) then xml = nil; end
	end
	attr.xmlns = xmlns;
	return xml;
end

-- The head of a submission is the same for a sender, way and host, but for its number.
local function head_of(sender, host, way)
	local heads = sender.heads[way];
	if not heads then
		heads = {};
		sender.heads[way] = heads;
	end
	local head = heads[host];
	if not head then
		head = "<message from='" .. escape(host) .. "' to='" .. escape(gate_host) .. "'><held xmlns='" .. XMLNS .. "' epoch='"
			.. epoch .. "' way='" .. way .. "' session='" .. sender.id .. "' seq='";
		heads[host] = head;
	end
	return head;
end

local function enter(entry, sender, xml)
	local seq = next_seq;
	entry.seq, entry.xml = seq, xml;
	next_seq = seq + 1;
	window[seq] = entry;
	window_count, window_bytes = window_count + 1, window_bytes + #xml;
	sender.held = sender.held + 1;
	entry.sender = sender;
	if entry.patient then
		patient_count = patient_count + 1;
	else
		sender.unanswered = sender.unanswered + 1;
	end
	submit(xml);
end

-- Hold a stanza until its verdict. Its session reads no further when the window fills.
local function hold(origin, stanza, host, way, preevents, routed)
	local ended = origin.destroyed;
	if not ended then
		if silent_since and now() - silent_since >= timeout_s then
			turned_away = turned_away + 1;
			bounce(origin, stanza, "resource-constraint", RECORDING_DOWN);
			return true;
		elseif window_count >= max_stanzas or window_bytes >= max_bytes then
			turned_away = turned_away + 1;
			module:log("warn", "Window full (%d stanzas, %d bytes): a stanza was turned away", window_count, window_bytes);
			bounce(origin, stanza, "resource-constraint", WINDOW_FULL);
			return true;
		end
	end
	local sender = sender_of(origin);
	-- The server sends one object to many when a session ends, changing its address each time.
	if ended then stanza = st.clone(stanza); end
	local xml = encode_submission(head_of(sender, host, way), next_seq, stanza);
	if not xml then
		module:log("warn", "A stanza from %s was refused: it has no XML form", stanza.attr.from);
		refuse_unwritable(origin, stanza);
		return true;
	end
	-- The client has said good-bye itself, only nobody has heard it yet: one is enough.
	if ended and sender.farewell then
		if not sender.farewell.patient then
			sender.farewell.patient = true;
			patient_count, sender.unanswered = patient_count + 1, sender.unanswered - 1;
		end
		return true;
	end
	-- The farewell of an ended session has nobody to be bounced to, and contacts need it whenever recording is back.
	local entry = { stanza = stanza, preevents = preevents, routed = routed, held_at = now(), patient = ended };
	enter(entry, sender, xml);
	if stanza.name == "presence" and not stanza.attr.to then
		sender.farewell = stanza.attr.type == "unavailable" and entry or nil;
	end
	-- Never from the gate itself, or nobody would read its verdicts.
	if way == "canary" then return true; end
	if sender.held >= max_per_session or window_count >= high_stanzas or window_bytes >= high_bytes then
		pause(sender);
	end
	return true;
end

-- What a room tells an occupant of themselves: that they are in or out (XEP-0045, 7.2.2 and 7.14).
local function is_of_recipient(stanza)
	local x = stanza.name == "presence" and stanza:get_child("x", XMLNS_MUC_USER);
	return x and x:get_child_with_attr("status", nil, "code", "110");
end

local farewell; -- what is just being said over a border that has only now come between two people

-- Whether what the server made may not go where it is addressed. Errors and answers go back to whoever asked.
local function is_stopped(stanza)
	local attr = stanza.attr;
	if not attr.from or not attr.to or attr.type == "error" or attr.type == "result" then return false; end
	-- A room's last word to somebody is of nobody but them.
	if attr.type == "unavailable" and is_of_recipient(stanza) then return false; end
	if stanza == farewell then return false; end
	return (borders.between(attr.from, attr.to));
end

-- Submit what the server itself made in a session's name, as a consequence of a recorded stanza: it is not held, because
-- the server goes on changing the very object that it sends. Returns whether it is stopped: it then goes nowhere.
local function note(origin, stanza, host)
	local sender = sender_of(origin);
	local stopped = is_stopped(stanza);
	local head = head_of(sender, host, stopped and "server' stopped='true" or "server");
	local xml = encode_submission(head, next_seq, stanza);
	if xml then
		enter({ patient = true }, sender, xml);
	else
		module:log("error", "What the server sent for %s could not be recorded: it has no XML form", stanza.attr.from);
	end
	return stopped or nil;
end

local function note_event(session, name, attr)
	local sender = sender_of(session);
	local event = tostring(st.stanza(name, attr));
	enter({ patient = true }, sender, head_of(sender, session.host, "session") .. next_seq .. "'>" .. event .. "</held></message>");
end

-- Verdicts -----------------------------------------------------------------------------------------------------------------

local stanza_mt = getmetatable(st.stanza("x"));

local function is_receipt(tag)
	return tag.name == "stanza-id" and tag.attr.by == gate_host and tag.attr.xmlns == XMLNS_SID;
end

-- The receipt (XEP-0359): this message is in that log at that index. A client's own is forged, and goes.
local function add_receipt(stanza, id)
	local tags = stanza.tags;
	for i = 1, #tags do
		if is_receipt(tags[i]) then
			stanza:maptags(function (tag) if not is_receipt(tag) then return tag; end end);
			break;
		end
	end
	local receipt = setmetatable({
		name = "stanza-id", attr = { xmlns = XMLNS_SID, by = gate_host, id = id }, tags = {},
	}, stanza_mt);
	stanza[#stanza + 1] = receipt;
	tags[#tags + 1] = receipt;
end

-- On the component's stream the namespace of clients is spelt out; inside the server it is the absence of one, but for
-- what lies below an element of another namespace, such as a forwarded message.
local function without_client_namespace(tag)
	local attr = tag.attr;
	if not attr.xmlns or attr.xmlns == "jabber:client" or attr.xmlns == XMLNS then
		attr.xmlns = nil;
		for _, child in ipairs(tag.tags) do without_client_namespace(child); end
	end
	return tag;
end

-- Put the amended content into the original object: whoever holds a reference to it sees the amended stanza.
local function amend(stanza, amended)
	without_client_namespace(amended);
	for i = #stanza, 1, -1 do stanza[i] = nil; end
	for i = #stanza.tags, 1, -1 do stanza.tags[i] = nil; end
	for _, child in ipairs(amended) do
		stanza[#stanza + 1] = child;
		if child.name then stanza.tags[#stanza.tags + 1] = child; end
	end
end

local function refuse(entry, exception)
	local origin, stanza = entry.sender.origin, entry.stanza;
	if can_answer(stanza) and origin.send and not entry.injected then
		local reply = st.reply(stanza);
		reply.attr.type = "error";
		local error_tag = exception:get_child("error");
		if error_tag then reply:add_child(without_client_namespace(st.clone(error_tag))); end
		origin.send(reply);
	end
	settle(entry.seq);
end

-- A farewell that had to wait for the gate is no longer true when the same address is back.
local function overtaken(entry)
	local origin = entry.sender.origin;
	return entry.patient and full_sessions[origin.full_jid] and full_sessions[origin.full_jid].presence;
end

local function carry_out(entry, exception, receipt)
	remove(entry);
	local stanza = entry.stanza;
	if not stanza or overtaken(entry) then
		return settle(entry.seq);
	end
	if exception then
		if exception.name == "refuse" then
			return refuse(entry, exception);
		elseif exception.name == "keep" then
			return settle(entry.seq);
		end
		local amended = exception.name == "amend" and exception:get_child("forwarded", XMLNS_FORWARD);
		if not amended or not amended.tags[1] then
			module:log("error", "Verdict on stanza %d not understood: %s", entry.seq, exception:top_tag());
			return give_back(entry);
		end
		amend(stanza, amended.tags[1]);
	end
	if stanza.name == "message" then add_receipt(stanza, receipt); end
	entry.sender.runner:run(entry);
end

local function handle_verdict(verdict)
	local attr = verdict.attr;
	local from_seq, through = integer(attr.seq), integer(attr.through);
	local first_index, log = integer(attr.first), attr.log;
	if attr.epoch ~= epoch or not from_seq or not through or not first_index or through >= next_seq then
		module:log("error", "Verdict for what was never submitted: epoch %s, seq %s to %s", attr.epoch, attr.seq, attr.through);
		return;
	end
	local exceptions;
	for _, tag in ipairs(verdict.tags) do
		exceptions = exceptions or {};
		exceptions[integer(tag.attr.seq) or 0] = tag;
	end
	if from_seq > first_seq then
		module:log("error", "Verdict out of order: for %d, while %d has none", from_seq, first_seq);
		return;
	end
	silent_since = nil;
	local offset = first_index - from_seq;
	local id_prefix = log .. "/";
	for seq = from_seq, through do
		local entry = window[seq];
		if entry then
			local sender = entry.sender;
			carry_out(entry, exceptions and exceptions[seq], id_prefix .. (offset + seq));
			close_if_answered(sender);
		end
	end
	resume_paused();
end

local function handle_noted(noted)
	local n = integer(noted.attr.n) or 0;
	local rest = {};
	for _, item in ipairs(bounced) do
		if not item.reported or item.reported > n then rest[#rest + 1] = item; end
	end
	bounced = rest;
	silent_since = nil; -- what it noted is on its disk: it records
end

-- A canary goes the way of every message: held, submitted, recorded, released and routed, from the gate to the gate.
local function send_canary(origin, canary)
	local id = canary.attr.id;
	local message = st.message({ from = gate_host, to = gate_host, type = "headline", id = id })
		:tag("canary", { xmlns = XMLNS, id = id }):up();
	hold(origin, message, local_domain(), "canary", nil, false);
end

-- Between whom there is a border now, those who saw each other online see each other go: nothing more will be told them,
-- and without a word the other would seem to be there for ever.
local function part(one, other)
	for _, session in pairs(bare_sessions[one].sessions) do
		for _, contact in pairs(session.presence and bare_sessions[other].sessions or {}) do
			local item = contact.presence and contact.roster and contact.roster[one];
			if item and (item.subscription == "both" or item.subscription == "to") then
				farewell = st.presence { type = "unavailable", from = session.full_jid, to = contact.full_jid };
				note(session, farewell, session.host);
				contact.send(farewell);
				farewell = nil;
			end
		end
	end
end

local function part_those_online()
	borders.each_parted(bare_sessions, part);
end

-- Tell the gate who is in a room of this server, as the room told them when they came in (section 4.6). Whoever is about
-- to leave is left out: what they say of it may be with the gate already.
local function note_occupants(room_jid)
	local host = hosts[jid_host(room_jid)];
	local muc = host and host.modules and host.modules.muc;
	local room = muc and muc.get_room_from_jid and muc.get_room_from_jid(room_jid);
	if not room then return; end
	local leaving = {};
	for seq = first_seq, next_seq - 1 do
		local stanza = window[seq] and window[seq].stanza;
		if stanza and stanza.name == "presence" and stanza.attr.type == "unavailable" then leaving[stanza.attr.from] = true; end
	end
	for nick, occupant in room:each_occupant() do
		for full_jid in occupant:each_session() do
			local session = full_sessions[full_jid];
			if not leaving[full_jid] and (session or not hosts[jid_host(full_jid)]) then
				if session and session.hibernating then note_event(session, "hibernate", { jid = full_jid }); end
				note(host, st.presence({ from = nick, to = full_jid })
					:tag("x", { xmlns = XMLNS_MUC_USER }):tag("status", { code = "110" }):reset(), host.host);
			end
		end
	end
end

-- Somebody whose message is carried out while no session of theirs with that address is there: what the modules ask a
-- session for. What the server answers, nobody hears.
local function stand_in(username, host, resource)
	local session = {
		type = "c2s", username = username, host = host, resource = resource, log = module._log,
		full_jid = username .. "@" .. host .. (resource and "/" .. resource or ""), destroyed = true,
	};
	function session.send() return true; end
	session.rawsend = session.send;
	return session;
end

-- What the gate wants said, by itself or in the name of somebody whose message it had kept, is held, numbered and
-- submitted like everything else, and carried out as if they said it now. If there is no room, the gate asks again.
local function inject(origin, request)
	local forwarded = request:get_child("forwarded", XMLNS_FORWARD);
	local stanza = forwarded and forwarded.tags[1];
	if not request.attr.id or not stanza or not stanza.attr.from or not stanza.attr.to then
		module:log("error", "A stanza to inject was not understood: %s", request:top_tag());
		return;
	end
	if window_count >= max_stanzas or window_bytes >= max_bytes or silent_since and now() - silent_since >= timeout_s then
		return;
	end
	stanza = without_client_namespace(stanza);
	local username, host, resource = jid_split(stanza.attr.from);
	local is_account = username and hosts[host] and hosts[host].type == "local";
	local speaker = is_account and (full_sessions[stanza.attr.from] or stand_in(username, host, resource)) or origin;
	local sender = sender_of(speaker);
	local head = head_of(sender, local_domain(), "gate");
	head = head:gsub(" seq='$", function () return " inject='" .. escape(request.attr.id) .. "' seq='"; end);
	local xml = encode_submission(head, next_seq, stanza);
	if xml then
		enter({ stanza = stanza, preevents = is_account or nil, held_at = now(), injected = true }, sender, xml);
	end
end

-- The gate itself says verdicts, and asks for canaries and for what it wants said.
local function from_gate(origin, stanza)
	local child = stanza.tags[1];
	if stanza.name == "message" and child and child.attr.xmlns == XMLNS then
		if child.name == "verdict" then
			return handle_verdict(child);
		elseif child.name == "noted" then
			return handle_noted(child);
		elseif child.name == "occupants" and child.attr.room then
			return note_occupants(child.attr.room);
		elseif child.name == "borders" then
			if borders.take(child) then
				module:log("info", "Borders are as the gate says now");
				part_those_online();
			end
			return;
		elseif child.name == "canary" and child.attr.id then
			return send_canary(origin, child);
		elseif child.name == "inject" then
			return inject(origin, child);
		end
	end
	if stanza.attr.type ~= "error" then
		module:log("warn", "The gate sent something that is no verdict: %s", stanza:top_tag());
	end
end

-- Time ---------------------------------------------------------------------------------------------------------------------

local function bounce_overdue()
	local latest = now() - timeout_s;
	if expiry_seq < first_seq then expiry_seq = first_seq; end
	local count = 0;
	while expiry_seq < next_seq do
		local entry = window[expiry_seq];
		if entry and not entry.patient then
			if entry.held_at > latest then break; end
			count = count + 1;
			silent_since = silent_since or entry.held_at;
			bounced[#bounced + 1] = { seq = entry.seq };
			remove(entry);
			settle(entry.seq);
			if not entry.injected then
				bounce(entry.sender.origin, entry.stanza, "resource-constraint", RECORDING_DOWN);
			end
			close_if_answered(entry.sender);
		end
		expiry_seq = expiry_seq + 1;
	end
	if count > 0 then
		module:log("error", "No verdict within %g s: %d stanzas were bounced", timeout_s, count);
		resume_paused();
	end
end

local function watch()
	bounce_overdue();
	if gate_session and silent_since and now() - math.max(silent_since, gate_session.since) > 4 * timeout_s then
		-- A gate that is connected and silent for so long would keep its successor out.
		module:log("error", "The gate has been silent for %g s: closing its connection", 4 * timeout_s);
		gate_session.session:close{ condition = "connection-timeout", text = "No verdict in time" };
	elseif done_through ~= done_reported or turned_away > 0 or (bounced[1] and not bounced[#bounced].reported) then
		send_status();
	end
end

-- Whatever goes wrong in here once, the time limits stay in force.
local function tick()
	local ok, err = pcall(watch);
	if not ok then module:log("error", "Watching the window failed: %s", err); end
	return math.min(0.25, timeout_s / 8);
end
timer.add_task(0.1, tick);

-- Hooks --------------------------------------------------------------------------------------------------------------------

local delivering_offline; -- the bare JID of whom mod_offline is just giving what waited for them

-- An external component's stream, not a host of this server (an internal component's host is called "component", too).
local function is_external_component(origin)
	return origin.type == "component" and origin ~= hosts[origin.host];
end

local function from_client(event)
	local origin, stanza = event.origin, event.stanza;
	if stanza == released then
		released = nil;
		submitted[stanza] = stanza.name == "presence" or nil;
		return nil;
	end
	if origin.type ~= "c2s" or carrying_out[running()] then
		submitted[stanza] = stanza.name == "presence" or nil;
		return note(origin, stanza, origin.host);
	end
	return hold(origin, stanza, origin.host, "c2s", true, false);
end

-- A roster removal's `unsubscribed` goes out without `pre-stanza`.
local function note_unsubmitted(origin, stanza)
	if stanza.name == "presence" and not submitted[stanza] then return note(origin, stanza, origin.host); end
end

-- Whether a join succeeded only the room knows.
local function note_occupant(origin, stanza)
	if origin == hosts[origin.host] and is_of_recipient(stanza) then return note(origin, stanza, origin.host); end
end

local function from_elsewhere(event)
	local origin, stanza = event.origin, event.stanza;
	local type = origin.type;
	if type == "c2s" then
		return note_unsubmitted(origin, stanza);
	elseif type == "local" then
		return nil;
	end
	if stanza == released then
		released = nil;
		return nil;
	end
	if type == "s2sin" or type == "s2sout" then
		if origin.dummy then return nil; end -- the server's own error for a remote server that cannot be reached
		return hold(origin, stanza, jid_host(stanza.attr.to), "s2s", nil, false);
	elseif is_external_component(origin) then
		if origin.host == gate_host then
			from_gate(origin, stanza);
			return true;
		end
		return hold(origin, stanza, origin.host, "component", nil, false);
	elseif type == "component" then
		return note_occupant(origin, stanza);
	end
	return nil;
end

-- A room tells everybody in it what somebody said, and throws out whom it cannot reach. It must not throw out a session
-- that has ended before its last words are said: it leaves with its farewell.
local function to_departed(event)
	local attr = event.stanza.attr;
	if attr.type ~= "groupchat" or event.origin.type == "c2s" then return nil; end
	local sender = departed[attr.to];
	if sender and not full_sessions[attr.to] and (sender.held > 0 or sender.runner.state ~= "ready") then
		return true;
	end
end

-- What leaves this server: to federated sites only, and an external component's stanzas are held here as well.
local function to_remote(event)
	local origin, stanza = event.origin, event.stanza;
	if not federated:contains(event.to_host) then
		module:log("info", "Not routed to %s: it is not a federated site", event.to_host);
		return false;
	end
	if stanza == released then
		released = nil;
		return nil;
	end
	if origin and is_external_component(origin) then
		return hold(origin, stanza, origin.host, "component", nil, true);
	elseif origin and origin.type == "c2s" and note_unsubmitted(origin, stanza) then
		return true; -- as if it were sent: nobody is told
	elseif origin and origin.type == "component" and note_occupant(origin, stanza) then
		return true;
	elseif is_stopped(stanza) then
		module:log("info", "Not routed from %s to %s: a border is in the way", stanza.attr.from, stanza.attr.to);
		return true;
	end
	return nil;
end

-- What a client would be told. Whatever way it came, out of a room, a node, an archive or from what waited offline: nothing
-- that a border is in the way of. What somebody said while they were on the line stays said after they left it.
local xmlns_mam = "urn:xmpp:mam:2";

-- Whether a message out of one's own archive was said over what is a border now.
local function is_over_border(stanza, own)
	local result = stanza:get_child("result", xmlns_mam);
	local forwarded = result and result:get_child("forwarded", XMLNS_FORWARD);
	local message = forwarded and forwarded:get_child("message", "jabber:client");
	if not message or not message.attr.from then return false; end
	local stopped, listed = borders.between(message.attr.from, own);
	if not stopped and message.attr.to then stopped, listed = borders.between(own, message.attr.to); end
	return stopped and listed;
end

local function to_client(stanza, session)
	local name, attr = stanza.name, stanza.attr;
	local type = attr.type;
	if not session.username or type == "error" or type == "result" then return stanza; end
	local own = session.username .. "@" .. session.host;
	local from = attr.from or own; -- the account itself
	local stopped, listed = borders.between(from, own);
	if not stopped then
		if name == "message" and from == own and is_over_border(stanza, own) then return nil; end
		return stanza;
	elseif not listed and name == "message" and delivering_offline == own then
		return stanza;
	end
	if stanza == farewell or type == "unavailable" and is_of_recipient(stanza) then return stanza; end
	module:log("debug", "Not told %s of %s: a border is in the way", own, from);
	return nil;
end

filters.add_filter_hook(function (session)
	if session.type == "c2s_unauthed" or session.type == "c2s" then
		filters.add_filter(session, "stanzas/out", to_client, FIRST);
	end
end);

local function transport(session)
	local attr = { jid = session.full_jid, address = session.ip };
	local socket = session.conn and session.conn.socket and session.conn:socket();
	local info = session.secure and socket and socket.info and socket:info();
	if info then
		attr.tls, attr.cipher = info.protocol, info.cipher;
	end
	return attr;
end

function module.add_host(module) -- luacheck: ignore 431/module
	module:hook("pre-stanza", from_client, FIRST);
	for _, kind in ipairs { "message", "presence", "iq" } do
		for _, to in ipairs { "bare", "full", "host" } do
			module:hook(kind .. "/" .. to, from_elsewhere, FIRST);
		end
	end
	module:hook("message/full", to_departed, FIRST - 1);
	module:wrap_event("message/offline/broadcast", function (handlers, name, event)
		delivering_offline = event.origin.username .. "@" .. event.origin.host;
		local result = handlers(name, event);
		delivering_offline = nil;
		return result;
	end);
	module:hook("route/remote", to_remote, FIRST);

	-- Session events wait for the gate however long it takes; when too many do, nobody else may come in.
	module:hook("pre-resource-bind", function (event)
		if patient_count >= max_stanzas then
			event.error = { type = "wait", condition = "resource-constraint", text = RECORDING_DOWN };
			return false;
		end
	end, FIRST);
	module:hook("resource-bind", function (event)
		close_when_answered(event.session);
		note_event(event.session, "bind", transport(event.session));
	end, FIRST);
	module:hook("smacks-hibernation-start", function (event)
		note_event(event.origin, "hibernate", { jid = event.origin.full_jid });
	end);
	module:hook("smacks-hibernation-end", function (event)
		local sender = senders[event.resumed];
		if sender then paused[sender] = nil; end -- that was the old connection
		-- mod_smacks leaves the old connection's parser in place, which still waits for the rest of the stanza that
		-- the connection broke off in. The new connection's own goes on; its errors are the resumed session's.
		local origin, resumed = event.origin, event.resumed;
		resumed.data = origin.data;
		function origin.close(_, ...) return resumed:close(...); end
		close_when_answered(event.resumed);
		note_event(event.resumed, "resume", transport(event.resumed));
	end);
	module:hook("resource-unbind", function (event)
		local session = event.session;
		note_event(session, "unbind", { jid = session.full_jid, reason = event.error and tostring(event.error) or nil });
		leave_behind(session);
	end, FIRST);
	module:hook("s2sin-destroyed", function (event) leave_behind(event.session); end, FIRST);

	module:hook("component-authenticated", function (event)
		if module.host ~= gate_host then return; end
		local session = event.session;
		session.conn:setoption("tcp-nodelay", true);
		gate_session = { session = session, conn = session.conn, since = now() };
		module:log("info", "The gate is connected: submitting %d stanzas again", window_count);
		send_status();
		for seq = first_seq, next_seq - 1 do
			if window[seq] then submit(window[seq].xml); end
		end
	end);
	module:hook("component-disconnected", function (event)
		leave_behind(event.session);
		if gate_session and gate_session.session == event.session then
			module:log("error", "The gate is disconnected: stanzas are held for %g s, then bounced", timeout_s);
			gate_session = nil;
			outbox_count = 0; -- what is still held is submitted to the next one
			silent_since = silent_since or now();
		end
	end, FIRST);
end

-- No host is forgotten: a stanza that reaches a host without these hooks would not be recorded.
local function guard(host)
	if not modulemanager.is_loaded(host, "stanza_gate") then
		modulemanager.load(host, "stanza_gate");
	end
end
module:hook_global("host-activated", guard, -FIRST);
module:hook_global("server-started", function ()
	for host in pairs(hosts) do guard(host); end
end, FIRST);

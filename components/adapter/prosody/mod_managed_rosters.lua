-- Rosters that a privileged entity (XEP-0356) keeps: the parts that mod_privilege lacks (docs/decisions/0011).
--
-- mod_privilege says which entity may set the rosters of this host (privileged_entities), and the entity says who
-- belongs into a roster. There is no policy in this file. On each host whose rosters are kept it
--   sets many items of a roster in one request, with one write, each pushed to the owner's sessions with its own version,
--   lets both sides of a new or ended subscription see it at once (RFC 6121, 3.1.6 and 3.3.3),
--   pushes to the entity what others change (XEP-0356, 4.4), and has it look at a roster that is empty at login,
--   and lets nothing but the entity change subscriptions: whoever asks for one, or ends one, changes nothing.
--
-- Setting: managed_rosters_by (the entity's JID).

local jid = require "util.jid";
local new_id = require "util.id".short;
local rostermanager = require "core.rostermanager";
local st = require "util.stanza";
local user_exists = require "core.usermanager".user_exists;

local bare_sessions, hosts = prosody.bare_sessions, prosody.hosts;
local host = module.host;
local jid_bare, jid_prep, jid_split = jid.bare, jid.prep, jid.split;

local XMLNS = "urn:steelyard:roster:0";
local XMLNS_ROSTER = "jabber:iq:roster";
local BEFORE_OTHERS = 100;

local entity = module:get_option_string("managed_rosters_by");
local presence = module:depends("presence");

local function may_set(origin)
	if origin.type ~= "component" or origin.host ~= entity then return false; end
	local privileges = origin.privileges and origin.privileges[host];
	local roster = privileges and privileges.roster;
	return roster == "both" or roster == "set";
end

local function sees(item)
	return item ~= nil and (item.subscription == "both" or item.subscription == "to");
end

local function is_seen_by(item)
	return item ~= nil and (item.subscription == "both" or item.subscription == "from");
end

-- The other side's entry for this contact; nil if another server keeps it.
local function entry_at(contact, owner)
	local username, contact_host = jid_split(contact);
	if not (username and hosts[contact_host] and user_exists(username, contact_host)) then return nil; end
	return rostermanager.load_roster(username, contact_host)[owner];
end

-- Let `to` see the sessions of `from` as they are, or as gone; in those sessions' name, so that the gate records it.
local function show(from, to, gone)
	local username, from_host = jid_split(from);
	local stanza = gone and st.presence { type = "unavailable" } or nil;
	presence.send_presence_of_available_resources(username, from_host, to, nil, stanza);
end

-- Subscriptions of a local pair are shown when the second of the two entries is there, and ended with the first that
-- goes: so neither is shown somebody who is not in their roster. Another server does its own half.
local function show_change(owner, contact, before, after)
	local is_local = hosts[select(2, jid_split(contact))] ~= nil;
	-- Nobody is shown, or nobody would see it, so do not read the other's roster from the disk.
	if not bare_sessions[owner] or (is_local and not bare_sessions[contact]) then return; end
	local theirs = is_local and entry_at(contact, owner);
	if is_seen_by(after) ~= is_seen_by(before) and (not is_local or sees(theirs)) then
		show(owner, contact, is_seen_by(before));
	end
	if sees(after) ~= sees(before) and is_seen_by(theirs or nil) then
		show(contact, owner, sees(before));
	elseif sees(after) and not sees(before) and not is_local then
		for _, session in pairs(bare_sessions[owner].sessions) do
			if session.presence then
				prosody.core_post_stanza(session, st.presence { type = "probe", from = session.full_jid, to = contact }, true);
			end
		end
	end
end

local function read_item(tag)
	local item = { subscription = tag.attr.subscription or "none", groups = {} };
	if tag.attr.name ~= "" then item.name = tag.attr.name; end
	for group in tag:childtags("group") do
		local text = group:get_text();
		if text and text ~= "" then item.groups[text] = true; end
	end
	return item;
end

-- What a request changes: { { jid, item or false for a removal } ... }; nil if any of it is wrong.
local function read_changes(query, owner)
	local changes = {};
	for tag in query:childtags("item", XMLNS_ROSTER) do
		local contact = jid_prep(tag.attr.jid);
		if not contact or contact ~= jid_bare(contact) or contact == owner then return nil; end
		local item = tag.attr.subscription ~= "remove" and read_item(tag);
		changes[#changes + 1] = { jid = contact, item = item };
	end
	return changes;
end

-- One write for everything. Each push has its own version (RFC 6121, 2.1.6), so a client that misses the last ones
-- asks again.
local function change_roster(owner, changes)
	local username = jid_split(owner);
	local roster = rostermanager.load_roster(username, host);
	local metadata, before = roster[false], {};
	local version = metadata.version or 0;
	for _, change in ipairs(changes) do
		before[change] = roster[change.jid] or nil;
		roster[change.jid] = change.item or nil;
		metadata.pending[change.jid] = nil;
	end
	metadata.version = version + #changes - 1;
	if not rostermanager.save_roster(username, host, roster) then
		for i = #changes, 1, -1 do roster[changes[i].jid] = before[changes[i]]; end
		metadata.version = version;
		return false;
	end
	for i, change in ipairs(changes) do
		if not change.item then show_change(owner, change.jid, before[change], nil); end
		metadata.version = version + i;
		rostermanager.roster_push(username, host, change.jid);
		if change.item then show_change(owner, change.jid, before[change], change.item); end
	end
	return true;
end

-- Prosody keeps 1,024 rosters of each host in memory; rosters of people who are offline are needed only once.
local KEPT = 16;
local kept = {};

local function keep_few(owner)
	kept[#kept + 1] = owner;
	if #kept > KEPT then
		local first, cache = table.remove(kept, 1), hosts[host].roster_cache;
		if cache and not bare_sessions[first] then cache:set(first, nil); end
	end
end

local function answer(origin, stanza, owner, changes)
	if not user_exists(jid_split(owner), host) then
		origin.send(st.error_reply(stanza, "cancel", "item-not-found"));
	elseif not changes or #changes == 0 then
		origin.send(st.error_reply(stanza, "modify", "bad-request"));
	elseif not change_roster(owner, changes) then
		origin.send(st.error_reply(stanza, "wait", "internal-server-error", "The roster could not be written"));
	else
		origin.send(st.reply(stanza));
	end
	keep_few(owner);
	return true;
end

module:wrap_event("iq-get/bare/jabber:iq:roster:query", function (handlers, event_name, event)
	local owner = event.stanza.attr.to;
	local handled = handlers(event_name, event);
	if owner and may_set(event.origin) then keep_few(owner); end
	return handled;
end);

module:hook("iq-set/bare/jabber:iq:roster:query", function (event)
	local origin, stanza = event.origin, event.stanza;
	if not stanza.attr.to or not may_set(origin) then return nil; end -- mod_privilege refuses it
	return answer(origin, stanza, stanza.attr.to, read_changes(stanza.tags[1], stanza.attr.to));
end, BEFORE_OTHERS);

-- The roster of an account that nobody may address any more: the request goes to the host.
module:hook("iq-set/host/" .. XMLNS .. ":empty", function (event)
	local origin, stanza = event.origin, event.stanza;
	if not may_set(origin) then return nil; end
	local owner = jid_prep(stanza.tags[1].attr.jid);
	local username, owner_host = jid_split(owner);
	local changes = {};
	if username and owner_host == host and user_exists(username, host) then
		for contact in pairs(rostermanager.load_roster(username, host)) do
			if contact then changes[#changes + 1] = { jid = contact, item = false }; end
		end
	end
	if #changes == 0 then
		origin.send(st.error_reply(stanza, "cancel", "item-not-found"));
		return true;
	end
	return answer(origin, stanza, owner, changes);
end);

-- What others do ---------------------------------------------------------------------------------------------------------

local function push_to_entity(owner, query)
	if not hosts[entity] then return; end
	local push = st.iq { type = "set", from = owner, to = entity, id = new_id() };
	module:send(push:add_child(query or st.stanza("query", { xmlns = XMLNS_ROSTER })));
end

module:wrap_event("iq/self/jabber:iq:roster:query", function (handlers, event_name, event)
	if event.stanza.attr.type ~= "set" then return handlers(event_name, event); end
	local query = st.clone(event.stanza.tags[1]);
	local handled = handlers(event_name, event);
	push_to_entity(event.origin.username .. "@" .. host, query);
	return handled;
end);

-- An account that is new to this server, made in any way.
module:hook("resource-bind", function (event)
	local session = event.session;
	local roster = rostermanager.load_roster(session.username, host);
	for contact in pairs(roster) do
		if contact then return; end
	end
	push_to_entity(session.username .. "@" .. host);
end);

-- mod_privilege tells every client at its first presence that it has no privileges, although nobody asked.
module:hook("authentication-success", function (event)
	local privileges = event.session.privileges;
	if privileges and privileges[host] and not next(privileges[host]) then privileges[host] = nil; end
end, -BEFORE_OTHERS);

-- Only the entity changes a subscription; a client that removes a contact only loses it from its own list.
local subscription_types = { subscribe = true, subscribed = true, unsubscribe = true, unsubscribed = true };

local function leave_subscription(event)
	if subscription_types[event.stanza.attr.type] then return true; end
end

for _, name in ipairs { "presence/bare", "presence/full", "pre-presence/bare", "pre-presence/full" } do
	module:hook(name, leave_subscription, BEFORE_OTHERS);
end

module:hook("roster-item-removed", function () return true; end, 0);

-- Other sites of the enterprise: where the server of each is, and whose certificates count for it (docs/federation.md).
--
-- Prosody trusts the same authorities for everybody. Here each site has TLS contexts of its own, which trust the authority
-- of that site alone: OpenSSL itself refuses what another site's authority, or one that this machine trusts, has signed.
-- A stream of no listed site is closed before it is offered TLS, or anything else.
--
-- Settings: federated_sites, by domain, { authority = FILE; pins = { SHA256, ... }; address = HOST; port = NUMBER };
-- federated_streams, how many streams of one domain to one of ours there are at most.

module:set_global();

local certmanager = require "core.certmanager";
local hashes = require "util.hashes";
local x509 = require "util.x509";
local basic = require "net.resolvers.basic";
local service = require "net.resolvers.service";
local st = require "util.stanza";
local timer = require "util.timer";
local xml = require "util.xml";

local ipairs, next, pairs, setmetatable, tostring = ipairs, next, pairs, setmetatable, tostring;

local FIRST = 1e6; -- before mod_tls, which would take its own context, and offer it

local sites = module:get_option("federated_sites", {});
local max_streams = module:get_option_number("federated_streams", 8);

-- Where it is --------------------------------------------------------------------------------------------------------------

local nowhere = { __index = { next = function (_, callback) callback(nil); end } };
local look_up = service.new;

function service.new(domain, name, conn_type, extra)
	local site = sites[domain];
	if not site or not site.address then return look_up(domain, name, conn_type, extra); end
	-- All is said there by STARTTLS: there is no service "xmpps-server".
	if name ~= "xmpp-server" then return setmetatable({}, nowhere); end
	return basic.new(site.address, site.port, conn_type, extra);
end

function module.unload() service.new = look_up; end

-- Who vouches for it -------------------------------------------------------------------------------------------------------

local contexts = {};

-- Certificates, ours and those of authorities, are read again by the next stream.
module:hook("config-reloaded", function () contexts = {}; end);

local function trust(host, site, mode)
	return certmanager.create_context(host, mode, {
		cafile = site.authority, capath = false, alpn = mode == "client" and "xmpp-server" or nil,
		verify = { "peer", "client_once" },
		-- What is wrong with a certificate is told to the other side, and in our log, when it is looked at below.
		verifyext = { "lsec_continue", "lsec_ignore_purpose" },
	});
end

-- The context of a host for a site: false if there is none, and then nobody is trusted.
local function context_for(host, domain, mode)
	local key = mode .. " " .. host .. " " .. domain;
	local known = contexts[key];
	if not known then
		local context, _, config = trust(host, sites[domain], mode);
		known = { context = context or false, config = config };
		contexts[key] = known;
	end
	return known;
end

local function choose(session, host, domain, mode)
	local chosen = context_for(host, domain, mode);
	session.ssl_ctx, session.ssl_cfg = chosen.context, chosen.config;
	session.trusts_authority_of = domain;
end

local function refuse(session, domain)
	module:log("warn", "A stream from %s is closed: it is not a federated site", domain or session.ip or "an unknown server");
	session:close { condition = "policy-violation", text = "This server talks to the sites of its own enterprise only" };
end

local function before_features(event)
	local session = event.origin;
	local domain = session.from_host;
	if not sites[domain or ""] then
		refuse(session, domain);
		return true;
	elseif session.type == "s2sin_unauthed" and not session.secure then
		choose(session, session.to_host, domain, "server");
	end
end

local function before_connect(event)
	local session = event.session;
	if sites[session.to_host] then choose(session, session.from_host, session.to_host, "client"); end
end

-- What waits --------------------------------------------------------------------------------------------------------------

-- mod_smacks of Prosody 0.12 has a stream count after a microsecond.
local AFTER_SMACKS_S = 1e-5;
-- By session, what waits until it counts.
local put_off = setmetatable({}, { __mode = "k" });

-- What waits for a stream (sendq) is written when the other side has said its features. Prosody writes what comes between
-- the stream's authentication and that at once, so that it would overtake what waits: it has to wait as well.
local function after_what_waits(event)
	local stanza = event.stanza;
	local session = prosody.hosts[event.from_host].s2sout[event.to_host];
	local sendq = session and session.type == "s2sout" and (put_off[session] or session.sendq);
	if not sendq then return nil; end
	-- From Prosody 13 on it is a queue of stanzas with a bound. Beyond that they go out at once.
	if sendq.push then return sendq:push(st.clone(stanza)) or nil; end
	local type = stanza.attr.type;
	local reply = type ~= "error" and type ~= "result" and st.reply(stanza);
	sendq[#sendq + 1] = { tostring(stanza), reply };
	return true;
end

-- Send what has waited: as stanzas, which are counted, if the stream counts. Return what a closed stream does not take.
local function send_what_waits(session, sendq)
	if session.destroyed then return sendq; end
	for i, item in ipairs(sendq) do
		local sent = session.sends2s(session.smacks and xml.parse(item[1]) or item[1]);
		if sent == false then return { table.unpack(sendq, i) }; end
	end
	return {};
end

-- Before version 13, Prosody writes what waits before the stream counts (XEP-0198): if the stream broke then, it would
-- neither arrive nor come back. So it has to wait for that, until the next turn, and mod_s2s finds nothing to write.
local function before_ready(session, features)
	local sendq, give_back = session.sendq, session.bounce_sendq;
	local counts = features:get_child("sm", "urn:xmpp:sm:3") or features:get_child("sm", "urn:xmpp:sm:2");
	if session.type ~= "s2sout" or not sendq or sendq.push or not counts then return; end
	local from_host, to_host = session.from_host, session.to_host;
	put_off[session], session.sendq = sendq, {};
	timer.add_task(AFTER_SMACKS_S, function ()
		put_off[session] = nil;
		local left = send_what_waits(session, sendq);
		if left[1] then give_back { sendq = left, from_host = from_host, to_host = to_host, had_stream = true }; end
	end);
end

function module.add_host(module) -- luacheck: ignore 431/module
	module:hook("route/remote", after_what_waits); -- before mod_s2s, and after what decides whether it may leave
	module:hook_tag("http://etherx.jabber.org/streams", "features", before_ready, -0.5); -- after mod_smacks, before mod_s2s
	module:hook("s2s-stream-features", before_features, FIRST);
	module:hook("s2sout-created", before_connect, FIRST);
end

-- How many streams it has --------------------------------------------------------------------------------------------------

local established = 0;

-- What is left of streams whose link was cut counts as well, so the newest stay: the others end (RFC 6120, 4.9.3.3).
local function on_established(event)
	local session = event.session;
	established = established + 1;
	session.established_as = session.established_as or established;
	local streams = {};
	for each in pairs(prosody.incoming_s2s) do
		local is_alike = each.from_host == session.from_host and each.to_host == session.to_host;
		if is_alike and each.type == "s2sin" and each.established_as then streams[#streams + 1] = each; end
	end
	table.sort(streams, function (a, b) return a.established_as < b.established_as; end);
	for i = 1, #streams - max_streams do
		module:log("warn", "%s has more than %d streams to %s: the oldest is closed", session.from_host, max_streams, session.to_host);
		streams[i]:close { condition = "conflict", text = "Your server has too many streams to this one" };
	end
end

module:hook("s2sin-established", on_established);

-- Which keys it has --------------------------------------------------------------------------------------------------------

local function is_pinned(site, certificate)
	if not site.pins or not next(site.pins) then return true; end
	local key = x509.pem2der(certificate:pubkey());
	local found = key and hashes.sha256(key, true);
	for _, pin in ipairs(site.pins) do
		if pin == found then return true; end
	end
	return false;
end

-- After mod_s2s_auth_certs has looked at authority, time and name, and before mod_s2s refuses what these say.
module:hook("s2s-check-certificate", function (event)
	local session, domain, certificate = event.session, event.host, event.cert;
	local site = sites[domain or ""];
	-- A stream may come to TLS by another way than ours, such as one that names us only afterwards. Its TLS is not the site's.
	if not site or session.trusts_authority_of ~= domain then
		refuse(session, domain);
		return false;
	elseif certificate and not is_pinned(site, certificate) then
		module:log("warn", "The certificate of %s has none of the keys that it should have", domain);
		session.cert_chain_status, session.cert_chain_errors = "invalid", nil;
	end
end, 1);


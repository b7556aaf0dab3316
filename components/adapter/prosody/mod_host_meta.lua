-- Says where clients in browsers connect: host-meta and host-meta.json (XEP-0156, 3).
--
-- It names those of BOSH and WebSocket that this host has, under the address that http_external_url gives.

module:depends "http";

local json = require "util.json";
local modulemanager = require "core.modulemanager";
local st = require "util.stanza";

local XMLNS_XRD = "http://docs.oasis-open.org/ns/xri/xrd-1.0";
local WAYS = {
	{ module = "websocket", path = "/xmpp-websocket", rel = "urn:xmpp:alt-connections:websocket" },
	{ module = "bosh", path = "/http-bind", rel = "urn:xmpp:alt-connections:xbosh" },
};

local function each_link()
	local links = {};
	for _, way in ipairs(WAYS) do
		if modulemanager.is_loaded(module.host, way.module) then
			local url = module:http_url(way.module, way.path);
			if way.module == "websocket" then url = url:gsub("^http", "ws"); end
			links[#links + 1] = { rel = way.rel, href = url };
		end
	end
	return links;
end

local function get_xml(event)
	event.response.headers.content_type = "application/xrd+xml";
	local xrd = st.stanza("XRD", { xmlns = XMLNS_XRD });
	for _, link in ipairs(each_link()) do xrd:tag("Link", link):up(); end
	return "<?xml version='1.0' encoding='utf-8'?>\n" .. tostring(xrd) .. "\n";
end

local function get_json(event)
	event.response.headers.content_type = "application/json";
	return json.encode { links = each_link() };
end

module:provides("http", {
	default_path = "/.well-known";
	cors = { enabled = true };
	route = { ["GET /host-meta"] = get_xml, ["GET /host-meta.json"] = get_json };
});

-- Servers under test find one another by address. The domain of no peer can be resolved, so that no test asks the DNS.
module:set_global();

local basic = require "net.resolvers.basic";
local service = require "net.resolvers.service";

local peers = module:get_option("s2s_peers", {});
local sites = module:get_option("federated_sites", {});
local look_up = service.new;
local unresolvable = { next = function (self, callback) self.last_error = "not a peer of this test"; callback(nil); end };

function service.new(domain, service_name, conn_type, extra)
	if sites[domain] and sites[domain].address then return look_up(domain, service_name, conn_type, extra); end
	local peer = service_name == "xmpp-server" and peers[domain];
	if not peer then return setmetatable({}, { __index = unresolvable }); end
	return basic.new(peer.address, peer.port, conn_type, extra);
end

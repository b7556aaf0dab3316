-- What the server tells its poller: only what changes. Prosody 0.12 says again with each stanza that it writes that it wants
-- to write, which is a system call each time. Prosody 13 does as is done here.
--
-- Owns `set` of the server's connections (net.server_epoll). Touches no connection.

local getmetatable, rawget, type = getmetatable, rawget, type;

-- From now on this is so for all connections of the kind of this one. Return what undoes it, or nil if there is nothing to do.
-- What undoes it tells whether it did: not if somebody has put other code over this since.
local function install(conn)
	local class = getmetatable(conn);
	local methods = class and class.__index;
	local earlier = type(methods) == "table" and rawget(methods, "set");
	-- A connection of server_epoll keeps what it wants; one of another kind is left as it is.
	if not earlier or conn._wantread == nil then return nil; end
	local function set(this, reads, writes)
		local is_known = this.conn and this._wantread ~= nil;
		if is_known and (reads == nil or reads == this._wantread) and (writes == nil or writes == this._wantwrite) then
			return true;
		end
		return earlier(this, reads, writes);
	end
	methods.set = set;
	return function ()
		if methods.set ~= set then return false; end
		methods.set = earlier;
		return true;
	end;
end

return { install = install };

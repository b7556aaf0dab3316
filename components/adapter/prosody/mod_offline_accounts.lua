-- Makes accounts and sets passwords on the server's own machine, whether the server is up or not: `prosodyctl
-- mod_offline_accounts`.
--
-- Prosody 0.12 has `prosodyctl adduser` and `passwd` for this; from 13 on these ask a server that is up, over a socket that
-- commands everything. Here the program writes to the server's store itself, on both.
--
--   add   make the accounts that are not there; each is told in a line `added JID`. Who is there keeps the password.
--   set   set the passwords of accounts that are there.
--
-- `prosodyctl mod_offline_accounts add JID` asks a person for the password. Without a JID, standard input has a line for
-- each account, JID and password with a tab between: a command line is for everybody on the machine to read. A line
-- that is wrong is found before anything is done; the last line then says what failed, and the status is 1.
--
-- Run by root, it goes on as the user whose the server's folder of data is: what root made there, the server could not read.

module:set_global();

local human_io = require "util.human.io";
local lfs = require "lfs";
local pposix = require "util.pposix";
local jid_split = require "util.jid".prepped_split;
local prosodyctl = require "util.prosodyctl";

local actions = {};

function actions.add(account)
	if prosodyctl.user_exists(account) then return true; end
	local ok, err = prosodyctl.adduser(account);
	if ok then print("added " .. account.user .. "@" .. account.host); end
	return ok, err;
end

function actions.set(account)
	return prosodyctl.passwd(account);
end

-- The requested accounts: an iterator of addresses and passwords.
local function each_line()
	local next_line = io.lines();
	return function ()
		local line = next_line();
		if line then return line:match("^([^\t]*)\t?(.*)$"); end
	end
end

local function ask(address)
	local asked = false;
	return function ()
		if asked then return nil; end
		asked = true;
		return address, human_io.read_password() or "";
	end
end

-- In this program hosts share their events: once a second host is made ready, what is written to the first one's accounts
-- goes to the second. So one host after the other.
local function read_hosts(lines)
	local by_host, order = {}, {};
	for address, password in lines do
		local user, host = jid_split(address);
		if not user or not prosody.hosts[host] then return nil, address .. ": is no account of this server"; end
		if password == "" then return nil, address .. ": no password was given"; end
		if not by_host[host] then
			by_host[host], order[#order + 1] = {}, host;
		end
		table.insert(by_host[host], { user = user, host = host, password = password });
	end
	return by_host, order;
end

local function find_fault(act, lines)
	local by_host, order = read_hosts(lines);
	if not by_host then return order; end
	for _, host in ipairs(order) do
		for _, account in ipairs(by_host[host]) do
			local ok, err = act(account);
			if not ok then return account.user .. "@" .. host .. ": " .. tostring(err); end
		end
	end
	return nil;
end

local function become_owner_of_data()
	local owner, group = lfs.attributes(prosody.paths.data, "uid"), lfs.attributes(prosody.paths.data, "gid");
	if pposix.getuid() ~= 0 or not owner or owner == 0 then return; end
	assert(pposix.setgid(group));
	assert(pposix.setuid(owner));
end

function module.command(arg)
	become_owner_of_data();
	local act = actions[arg[1]];
	if not act then
		print("Usage: prosodyctl mod_offline_accounts add|set [JID]");
		return 2;
	end
	local fault = find_fault(act, arg[2] and ask(arg[2]) or each_line());
	if fault then
		print(fault);
		return 1;
	end
	return 0;
end

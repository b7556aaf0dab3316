-- Tells what a server is that Steelyard shall be attached to, as JSON: `prosodyctl mod_site_survey` (docs/attach.md).
-- It reads the configuration FILE as the server itself does, and its internal storage, and changes nothing. (It is not the
-- configuration that the program was started with: that one only tells it where this module is.)
--
--   settings FILE   hosts with their modules, ports, version
--   people FILE     accounts with their contacts, and rooms with those who have a place in them, of hosts with internal storage

module:set_global();

local config = require "core.configmanager";
-- The files themselves: in this program, whatever else is asked for accounts has no storage.
local datamanager = require "core.storagemanager".olddm;
local json = require "util.json";

local GLOBAL = {
	"plugin_paths", "component_ports", "component_interfaces", "c2s_ports", "s2s_ports", "modules_enabled", "modules_disabled",
	"authentication", "storage", "allow_registration", "stanza_gate", "data_path", "component_stanza_size_limit",
};
local OF_HOST = { "component_module", "modules_enabled", "modules_disabled", "authentication", "storage", "enabled" };

-- JSON has no sets and no functions: lists, texts, numbers and truths are kept.
local function plain(value)
	local kind = type(value);
	if kind == "string" or kind == "number" or kind == "boolean" then return value; end
	if kind ~= "table" then return nil; end
	local list = {};
	for _, each in ipairs(value) do
		if type(each) ~= "table" then list[#list + 1] = each; end
	end
	for key, each in pairs(value) do
		if type(key) == "string" and type(each) == "string" then list[#list + 1] = key; end
	end
	return list;
end

local function pick(host, names)
	local picked = {};
	for _, name in ipairs(names) do picked[name] = plain(config.rawget(host, name)); end
	return picked;
end

local function is_host(name, options)
	return name ~= "*" and type(options) == "table" and rawget(options, "enabled") ~= false;
end

local function each_host()
	local names = {};
	for name, options in pairs(config.getconfig()) do
		if is_host(name, options) then names[#names + 1] = name; end
	end
	table.sort(names);
	return ipairs(names);
end

-- Settings ----------------------------------------------------------------------------------------------------------------

local function survey_settings()
	local found = { version = prosody.version, data = prosody.paths.data, global = pick("*", GLOBAL), hosts = {} };
	for _, name in each_host() do
		local host = pick(name, OF_HOST);
		host.name = name;
		table.insert(found.hosts, host);
	end
	return found;
end

-- People ------------------------------------------------------------------------------------------------------------------

local function sorted(list)
	table.sort(list, function (one, other) return one.jid < other.jid; end);
	return list;
end

local function find_contacts(user, host)
	local contacts = {};
	for jid, item in pairs(datamanager.load(user, host, "roster") or {}) do
		if type(jid) == "string" and type(item) == "table" and item.subscription then
			contacts[#contacts + 1] = { jid = jid, name = item.name, subscription = item.subscription };
		end
	end
	return sorted(contacts);
end

-- The name that a person gave themselves (XEP-0054), as the server keeps it.
local function find_name(user, host)
	for _, tag in ipairs(datamanager.load(user, host, "vcard") or {}) do
		if type(tag) == "table" and tag.name == "FN" and type(tag[1]) == "string" then return tag[1]; end
	end
end

local function survey_accounts(host, people)
	for user in datamanager.users(host, "accounts") do
		people[#people + 1] = { jid = user .. "@" .. host, name = find_name(user, host), contacts = find_contacts(user, host) };
	end
end

-- 0.12 and 13 keep affiliations by address beside what begins with "_"; before 0.11 they were a table.
local function find_affiliations(kept)
	local people = {};
	for _, from in ipairs { kept, kept._affiliations or {} } do
		for jid, place in pairs(from) do
			if type(jid) == "string" and jid:sub(1, 1) ~= "_" and type(place) == "string" then
				people[#people + 1] = { jid = jid, affiliation = place };
			end
		end
	end
	return sorted(people);
end

local function survey_rooms(host, rooms)
	for jid in pairs(datamanager.load(nil, host, "persistent") or {}) do
		local kept = datamanager.load(jid:match("^[^@]+"), host, "config") or {};
		local data = kept._data or {};
		rooms[#rooms + 1] = {
			jid = jid, name = data.name, is_members_only = data.members_only and true or false, people = find_affiliations(kept),
		};
	end
end

local function is_internal(host)
	local storage = config.get(host, "storage") or "internal";
	return storage == "internal";
end

local function survey_people()
	local people, rooms, elsewhere = {}, {}, {};
	for _, host in each_host() do
		local kind = config.rawget(host, "component_module");
		if not kind and is_internal(host) then
			survey_accounts(host, people);
		elseif kind == "muc" and is_internal(host) then
			survey_rooms(host, rooms);
		elseif not kind or kind == "muc" then
			elsewhere[#elsewhere + 1] = host;
		end
	end
	return { people = sorted(people), rooms = sorted(rooms), elsewhere = elsewhere };
end

function module.command(arg)
	local survey = ({ settings = survey_settings, people = survey_people })[arg[1]];
	if not survey or not arg[2] then
		print("Usage: prosodyctl mod_site_survey settings|people FILE");
		return 2;
	end
	local ok, _, err = config.load(arg[2], "lua");
	if not ok then
		print("fault " .. tostring(err));
		return 1;
	end
	print("survey " .. json.encode(survey()));
	return 0;
end

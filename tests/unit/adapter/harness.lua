-- Runs one test of the adapter's libraries without a server: lua5.4 harness.lua ADAPTER SPEC NAME.
--
-- Prosody's own utilities are used as they are; `prosody`, `module`, the clock and the timer are stand-ins. A spec gets
-- the table `t`, and names its tests with t.test(NAME, FUNCTION). The test that is named runs alone, in a state of its own.

local adapter, spec, wanted = arg[1], arg[2], arg[3];

package.path = "/usr/lib/prosody/?.lua;" .. package.path;
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath;

-- From 13 on, Prosody's own files also call each other by names that begin so.
table.insert(package.searchers, 2, function (name)
	local own = name:match "^prosody%.(.+)";
	return own and function () return require(own); end;
end);

local t = { now_s = 1000, tasks = {}, logged = {} };

package.preload["util.time"] = function ()
	return { monotonic = function () return t.now_s; end, now = function () return t.now_s; end };
end
package.preload["util.timer"] = function ()
	return { add_task = function (delay_s, callback) t.tasks[#t.tasks + 1] = { delay_s, callback }; end };
end

t.prosody = { full_sessions = {}, hosts = {} };
_G.prosody = t.prosody;
_G.module = {};

function _G.module.require(_, name)
	return assert(loadfile(adapter .. "/" .. name .. ".lib.lua"))();
end

function _G.module.log(_, level, format, ...)
	t.logged[#t.logged + 1] = level .. ": " .. format:format(...);
end

local function show(value, indent)
	if type(value) ~= "table" then return ("%q"):format(value); end
	local lines = {};
	for key, each in pairs(value) do
		lines[#lines + 1] = indent .. "\t" .. tostring(key) .. " = " .. show(each, indent .. "\t");
	end
	table.sort(lines);
	return "{\n" .. table.concat(lines, "\n") .. "\n" .. indent .. "}";
end

local function is_same(one, other)
	if type(one) ~= "table" or type(other) ~= "table" then return one == other; end
	for key, value in pairs(one) do if not is_same(value, other[key]) then return false; end end
	for key in pairs(other) do if one[key] == nil then return false; end end
	return true;
end

-- Fail unless both are the same, tables by what is in them.
function t.equal(found, expected)
	if is_same(found, expected) then return; end
	error("found " .. show(found, "") .. "\nexpected " .. show(expected, ""), 2);
end

-- Note the calls of these methods: each is a list of a name and its arguments. A method returns what `answers` has.
function t.spy(names, answers)
	local calls, object = {}, {};
	for _, name in ipairs(names) do
		object[name] = function (_, ...)
			calls[#calls + 1] = { name, ... };
			return answers and answers[name];
		end;
	end
	return object, calls;
end

-- A library, loaded as Prosody loads it.
function t.load(name)
	return _G.module:require(name);
end

-- A module beside the adapter's, loaded as Prosody loads it.
function t.load_module(name)
	return assert(loadfile(adapter .. "/../" .. name .. ".lua"))();
end

local found = false;
function t.test(name, run)
	if name == wanted then
		found = true;
		run();
	end
end

assert(loadfile(spec))(t);
assert(found, "there is no such test: " .. wanted);

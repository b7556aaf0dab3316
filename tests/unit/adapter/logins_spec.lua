-- login_pace.lib.lua, beside the gate's libraries: how often a wrong password may be tried.

local t = ...;
local pace = t.load_module "login_pace.lib";

local RIGHT, WRONG = { "success" }, { "failure", "not-authorized", "Unable to authorize" };
local BUSY = "temporary-auth-failure";

local function attempt(logins, address, username, answer)
	return logins:step(address, function () return table.unpack(answer); end, { username = username });
end

local function try(logins, count, address, username)
	for number = 1, count do
		local _, condition = attempt(logins, address, username or ("user" .. number), WRONG);
		t.equal(condition, "not-authorized");
	end
end

t.test("a person may err and then get in", function ()
	local logins = pace.new();
	try(logins, 19, "192.0.2.1", "alice");
	t.equal({ attempt(logins, "192.0.2.1", "alice", RIGHT) }, RIGHT);
end);

t.test("who guesses is answered alike whether it was right or wrong", function ()
	local logins = pace.new();
	try(logins, 20, "192.0.2.1", "alice");
	local wrong = { attempt(logins, "192.0.2.1", "alice", WRONG) };
	t.equal(wrong[2], BUSY);
	t.equal({ attempt(logins, "192.0.2.1", "alice", RIGHT) }, wrong);
end);

t.test("nobody is kept out by who guesses elsewhere or at another account", function ()
	local logins = pace.new();
	try(logins, 20, "192.0.2.1", "alice");
	t.equal({ attempt(logins, "192.0.2.2", "alice", RIGHT) }, RIGHT);
	t.equal({ attempt(logins, "192.0.2.1", "bob", RIGHT) }, RIGHT);
end);

t.test("time brings attempts back at the pace of one in half a minute", function ()
	local logins = pace.new();
	try(logins, 20, "192.0.2.1", "alice");
	t.now_s = t.now_s + 29;
	t.equal(select(2, attempt(logins, "192.0.2.1", "alice", RIGHT)), BUSY);
	t.now_s = t.now_s + 2;
	t.equal({ attempt(logins, "192.0.2.1", "alice", RIGHT) }, RIGHT);
end);

t.test("one address tries only so many names", function ()
	local logins = pace.new();
	try(logins, 200, "192.0.2.1");
	local asked = false;
	local _, condition = logins:step("192.0.2.1", function () asked = true; return "success"; end, { username = "zoe" });
	t.equal(condition, BUSY);
	t.equal(asked, false);
	t.equal({ attempt(logins, "192.0.2.2", "zoe", RIGHT) }, RIGHT);
end);

t.test("steps of an attempt and other failures do not count", function ()
	local logins = pace.new();
	for _ = 1, 500 do
		t.equal({ attempt(logins, "192.0.2.1", "alice", { "challenge", "data" }) }, { "challenge", "data" });
		t.equal(select(2, attempt(logins, "192.0.2.1", nil, { "failure", "malformed-request" })), "malformed-request");
		t.equal(select(2, attempt(logins, "192.0.2.1", "alice", { "failure", "account-disabled" })), "account-disabled");
	end
	t.equal({ attempt(logins, "192.0.2.1", "alice", RIGHT) }, RIGHT);
end);

-- What the server itself does quicker while this module is loaded: texts of stanzas, and what its poller is told.
--
-- Owns whether that is so. The adapter outlives its module, but what is done to the server's own code ends with it, and is
-- done once however often the module is loaded again. Touches the server through the two libraries beside it only.

local quick_polls = module:require "quick_polls";
local quick_texts = module:require "quick_texts";

local quicker_mt = module:require "methods"();

local function new()
	return quicker_mt.new {
		is_on = false,
		-- A connection of the kind whose polls are made quicker: that of the gate, once there has been one.
		conn = nil,
		-- What undoes each, as long as it is done.
		undo_texts = nil, undo_polls = nil,
	};
end

function quicker_mt:start()
	self.is_on = true;
	self.undo_texts = self.undo_texts or quick_texts.install();
	self:quicken_polls();
end

-- The gate is connected, by a connection of the kind that the server's poller has.
function quicker_mt:take(conn)
	self.conn = conn;
	self:quicken_polls();
end

function quicker_mt:quicken_polls()
	if not self.is_on or not self.conn then return; end
	self.undo_polls = self.undo_polls or quick_polls.install(self.conn);
end

-- Where another module has put its own code over this since, it stays below that: it is not put there again.
function quicker_mt:stop()
	self.is_on = false;
	if self.undo_texts and self.undo_texts() then self.undo_texts = nil; end
	if self.undo_polls and self.undo_polls() then self.undo_polls = nil; end
end

return { new = new };

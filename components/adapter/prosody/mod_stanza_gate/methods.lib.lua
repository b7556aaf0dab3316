-- The methods of a kind of object: a table that has `new`, which gives them to what an object is made of.

return function ()
	local methods = {};
	methods.__index = methods;
	function methods.new(parts)
		return setmetatable(parts, methods);
	end
	return methods;
end;

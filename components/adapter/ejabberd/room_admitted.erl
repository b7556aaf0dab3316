%% Since when each person may be in a room, from one table of borders to the next (docs/gate-protocol.md, section 4.5). Pure.

-module(room_admitted).

-export([account/4]).

%% `Before` has, by place, what this gave last: by person a Unix time, or 0 for those who could enter before anybody kept
%% account of it. A place is a room, or `line` for the line itself: nobody is let into a room before they are on the line.
%% `Listed` is who is on the line now, `Lists` who may be in a room that has a list. Who is in no list starts anew if they
%% come back.
account(Listed, Lists, Before, Now) ->
    Line = since(Listed, maps:get(line, Before, none), Now),
    Rooms = maps:map(fun(Room, People) -> since(maps:keys(People), maps:get(Room, Before, none), Now) end, Lists),
    % Their lists are gone, so those whom these kept out are let in now.
    Opened = maps:map(fun(_, Last) -> since(maps:keys(Line), Last, Now) end, maps:without([line | maps:keys(Lists)], Before)),
    maps:merge(Opened, Rooms#{line => Line}).

since(People, none, _) -> maps:from_keys(People, 0);
since(People, Last, Now) -> maps:from_list([{Person, maps:get(Person, Last, Now)} || Person <- People]).

%% Keeps since when each person may be in a room (room_admitted), on the disk: borders may change while the server is away.

-module(room_admissions).

-export([open/0, keep/3, since/3]).

-record(stanza_gate_admission, {key, time}).

%% The key of the entry that says that there is an account of a place.
-define(KEPT(Place), {Place, <<>>}).

open() ->
    ejabberd_mnesia:create(?MODULE, stanza_gate_admission,
        [{disc_copies, [node()]}, {type, ordered_set}, {attributes, record_info(fields, stanza_gate_admission)}]).

%% There is another table: keep account for a host, whose rooms are at these domains.
keep(Host, Domains, #{class_of := ClassOf, lists := Lists}) ->
    Own = maps:filter(fun(Room, _) -> lists:member(domain(Room), Domains) end, Lists),
    {atomic, ok} = mnesia:transaction(fun() ->
        Before = maps:from_list([{named(Place, Host), people(Place)} || Place <- places(), Place =:= Host orelse lists:member(domain(Place), Domains)]),
        After = room_admitted:account(maps:keys(ClassOf), Own, Before, now_s()),
        maps:foreach(fun(Place, People) -> write(stored(Place, Host), maps:get(Place, Before, none), People) end, After)
    end).

named(Host, Host) -> line;
named(Room, _) -> Room.

stored(line, Host) -> Host;
stored(Room, _) -> Room.

%% From when on a person may know what was said in a room of a host: a Unix time, 0 for all of it. Whom the account does not
%% have yet is let in by a table that is kept in a moment: nothing of what was said until now.
since(Host, Room, Person) ->
    case is_kept(Host) of
        true -> max(time(Host, Person), case is_kept(Room) of true -> time(Room, Person); false -> 0 end);
        false -> 0
    end.

is_kept(Place) -> mnesia:dirty_read(stanza_gate_admission, ?KEPT(Place)) =/= [].

time(Place, Person) ->
    case mnesia:dirty_read(stanza_gate_admission, {Place, Person}) of
        [#stanza_gate_admission{time = Time}] -> Time;
        [] -> now_s()
    end.

%% History is kept by the second: nothing of this one.
now_s() -> erlang:system_time(second) + 1.

places() -> mnesia:select(stanza_gate_admission, [{#stanza_gate_admission{key = ?KEPT('$1'), time = '_'}, [], ['$1']}]).

people(Place) ->
    Found = mnesia:select(stanza_gate_admission, [{#stanza_gate_admission{key = {Place, '$1'}, time = '$2'}, [], [{{'$1', '$2'}}]}]),
    maps:remove(<<>>, maps:from_list(Found)).

%% Only what is otherwise than before.
write(Place, none, People) ->
    write(Place, #{}, People#{<<>> => 0});
write(Place, Before, People) ->
    [mnesia:delete({stanza_gate_admission, {Place, Person}}) || Person <- maps:keys(Before), not maps:is_key(Person, People)],
    [mnesia:write(#stanza_gate_admission{key = {Place, Person}, time = Time})
     || {Person, Time} <- maps:to_list(People), maps:get(Person, Before, none) =/= Time],
    ok.

domain(Address) -> lists:last(binary:split(Address, <<"@">>)).

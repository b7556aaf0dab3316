-module(stanza_gate_borders_tests).
-compile([export_all, nowarn_export_all]).

part(Part, Of, Children) ->
    {xmlel, <<"borders">>, [{<<"part">>, integer_to_binary(Part)}, {<<"of">>, integer_to_binary(Of)}], Children}.

class(Id, Reaches, Members) ->
    {xmlel, <<"class">>, [{<<"id">>, Id}, {<<"reaches">>, Reaches}], [{xmlcdata, Members}]}.

room(Jid, People) -> {xmlel, <<"room">>, [{<<"jid">>, Jid}], [{xmlcdata, People}]}.

table() ->
    stanza_gate_borders:take(part(1, 1, [
        class(<<"1">>, <<"1 2">>, <<"alice@m.example bob@m.example">>),
        class(<<"2">>, <<"1 2">>, <<"m.example\nrooms.m.example pit@rooms.m.example">>),
        class(<<"3">>, <<"3">>, <<"george@g.example">>),
        room(<<"research@rooms.m.example">>, <<"rita@m.example">>)
    ]), stanza_gate_borders:new()).

is_between(From, To) -> is_between(From, To, table()).
is_between(From, To, Borders) ->
    stanza_gate_borders:is_between(From, To, Borders,
        {[<<"m.example">>, <<"g.example">>], fun(Domain) -> Domain =:= <<"gate.m.example">> end}).

those_who_reach_one_another_do_test() ->
    false = is_between(<<"alice@m.example">>, <<"bob@m.example">>),
    false = is_between(<<"pit@rooms.m.example">>, <<"alice@m.example">>),
    false = is_between(<<"alice@m.example">>, <<"alice@m.example">>).

others_do_not_test() ->
    true = is_between(<<"alice@m.example">>, <<"george@g.example">>),
    true = is_between(<<"george@g.example">>, <<"alice@m.example">>),
    true = is_between(<<"stranger@m.example">>, <<"alice@m.example">>),
    true = is_between(<<"other@rooms.m.example">>, <<"alice@m.example">>).

a_room_with_a_list_reaches_those_on_it_alone_test() ->
    false = is_between(<<"research@rooms.m.example">>, <<"rita@m.example">>),
    false = is_between(<<"rita@m.example">>, <<"research@rooms.m.example">>),
    true = is_between(<<"research@rooms.m.example">>, <<"alice@m.example">>).

the_lines_own_components_speak_to_everybody_test() ->
    false = is_between(<<"gate.m.example">>, <<"george@g.example">>),
    false = is_between(<<"notice@gate.m.example">>, <<"stranger@m.example">>),
    false = is_between(<<"alice@m.example">>, <<"gate.m.example">>).

a_server_speaks_to_its_own_accounts_test() ->
    false = is_between(<<"g.example">>, <<"george@g.example">>),
    true = is_between(<<"g.example">>, <<"alice@m.example">>).

without_a_table_nothing_passes_between_two_test() ->
    true = is_between(<<"alice@m.example">>, <<"bob@m.example">>, stanza_gate_borders:new()),
    false = is_between(<<"m.example">>, <<"alice@m.example">>, stanza_gate_borders:new()).

nothing_stops_at_an_open_table_test() ->
    {xmlel, Name, Attributes, Children} = part(1, 2, [class(<<"1">>, <<"1">>, <<"alice@m.example">>)]),
    Half = stanza_gate_borders:take({xmlel, Name, [{<<"open">>, <<"true">>} | Attributes], Children}, table()),
    false = stanza_gate_borders:is_open(Half), % not before its last part is there
    true = is_between(<<"alice@m.example">>, <<"george@g.example">>, Half),
    Open = stanza_gate_borders:take(part(2, 2, [class(<<"2">>, <<"2">>, <<"bob@m.example">>)]), Half),
    true = stanza_gate_borders:is_open(Open),
    [false = is_between(From, To, Open) || From <- [<<"alice@m.example">>, <<"stranger@else.example">>],
                                           To <- [<<"bob@m.example">>, <<"george@g.example">>]],
    true = stanza_gate_borders:is_listed(<<"bob@m.example">>, Open),
    % The next table is in force as it says itself.
    false = stanza_gate_borders:is_open(stanza_gate_borders:take(part(1, 1, []), Open)),
    true = is_between(<<"alice@m.example">>, <<"bob@m.example">>, stanza_gate_borders:take(part(1, 1, []), Open)),
    false = stanza_gate_borders:is_open(stanza_gate_borders:new()).

a_table_counts_when_its_last_part_is_there_test() ->
    One = part(1, 2, [class(<<"1">>, <<"1">>, <<"alice@m.example">>)]),
    Two = part(2, 2, [class(<<"1">>, <<"1">>, <<"bob@m.example">>)]),
    Half = stanza_gate_borders:take(One, stanza_gate_borders:new()),
    true = is_between(<<"alice@m.example">>, <<"bob@m.example">>, Half),
    false = is_between(<<"alice@m.example">>, <<"bob@m.example">>, stanza_gate_borders:take(Two, Half)),
    % Out of turn: the rest of a table whose beginning was lost.
    false = is_between(<<"alice@m.example">>, <<"pit@rooms.m.example">>, stanza_gate_borders:take(Two, table())),
    true = is_between(<<"alice@m.example">>, <<"bob@m.example">>, stanza_gate_borders:take(Two, stanza_gate_borders:new())).

who_is_listed_is_known_once_a_table_is_there_test() ->
    true = stanza_gate_borders:is_listed(<<"alice@m.example">>, table()),
    true = stanza_gate_borders:is_listed(<<"research@rooms.m.example">>, table()),
    false = stanza_gate_borders:is_listed(<<"gone@m.example">>, table()),
    false = stanza_gate_borders:is_listed(<<"alice@m.example">>, stanza_gate_borders:new()).

all_addresses_are_known_once_a_table_is_there_test() ->
    [] = stanza_gate_borders:addresses(stanza_gate_borders:new()),
    Listed = stanza_gate_borders:addresses(table()),
    true = lists:member(<<"pit@rooms.m.example">>, Listed),
    true = lists:member(<<"research@rooms.m.example">>, Listed),
    true = lists:member(<<"alice@m.example">>, Listed),
    Listed = lists:usort(Listed).

%% The gate's table of who may reach whom (docs/gate-protocol.md, section 4.5): a table, and no policy. Pure.

-module(stanza_gate_borders).

-export([new/0, take/2, addresses/1, is_listed/2, is_open/1, is_between/4]).

%% Before the gate has said any: nothing passes between two addresses.
new() ->
    #{in_force => none, arriving => none}.

%% Take one part. The table is in force when its last part has come; a part out of turn is ignored.
take({xmlel, _, Attributes, Children}, #{arriving := Arriving} = Borders) ->
    case {stanza_gate_wire:number(<<"part">>, Attributes), stanza_gate_wire:number(<<"of">>, Attributes), Arriving} of
        {1, Of, _} when Of >= 1 ->
            IsOpen = stanza_gate_wire:attribute(<<"open">>, Attributes) =:= <<"true">>,
            add(1, Of, Children, (empty())#{is_open := IsOpen}, Borders);
        {Part, Of, {Part, Table}} when Part =< Of -> add(Part, Of, Children, Table, Borders);
        _ -> Borders#{arriving := none}
    end.

add(Of, Of, Children, Table, Borders) ->
    Borders#{in_force := lists:foldl(fun read/2, Table, Children), arriving := none};
add(Part, _, Children, Table, Borders) ->
    Borders#{arriving := {Part + 1, lists:foldl(fun read/2, Table, Children)}}.

empty() ->
    #{class_of => #{}, reaches => #{}, lists => #{}, is_open => false}.

read({xmlel, <<"class">>, Attributes, Children}, #{class_of := ClassOf, reaches := Reaches} = Table) ->
    Id = stanza_gate_wire:attribute(<<"id">>, Attributes),
    Members = maps:from_keys(words(text(Children)), Id),
    Table#{class_of := maps:merge(ClassOf, Members),
           reaches := Reaches#{Id => maps:from_keys(words(stanza_gate_wire:attribute(<<"reaches">>, Attributes)), true)}};
read({xmlel, <<"room">>, Attributes, Children}, #{lists := Lists} = Table) ->
    Room = stanza_gate_wire:attribute(<<"jid">>, Attributes),
    People = maps:from_keys(words(text(Children)), true),
    Table#{lists := Lists#{Room => maps:merge(maps:get(Room, Lists, #{}), People)}};
read(_, Table) ->
    Table.

%% All addresses that the table in force lists: people, rooms, domains.
addresses(#{in_force := none}) ->
    [];
addresses(#{in_force := #{class_of := ClassOf, lists := Lists}}) ->
    lists:usort(maps:keys(ClassOf) ++ maps:keys(Lists)).

%% Whether the table names this bare address: it may be somebody who is not on the line any more.
is_listed(_, #{in_force := none}) ->
    false;
is_listed(Address, #{in_force := #{class_of := ClassOf, lists := Lists}}) ->
    maps:is_key(Address, ClassOf) orelse maps:is_key(Address, Lists).

%% Whether the gate only observes: the table says who is listed, and nothing stops at it.
is_open(#{in_force := #{is_open := IsOpen}}) -> IsOpen;
is_open(_) -> false.

%% Whether a border is between two bare addresses. `Hosts` are the server's own domains of accounts; `IsComponent` says of
%% a domain that a component of this server has it.
is_between(Same, Same, _, _) ->
    false;
is_between(_, _, #{in_force := #{is_open := true}}, _) ->
    false;
is_between(From, To, Borders, {Hosts, IsComponent}) ->
    Table = case Borders of #{in_force := none} -> empty(); #{in_force := InForce} -> InForce end,
    case is_own(From, Table, IsComponent) orelse is_own(To, Table, IsComponent) of
        true -> false;
        false -> is_between_listed(From, To, Table, Hosts)
    end.

is_between_listed(From, To, #{class_of := ClassOf, reaches := Reaches, lists := Lists}, Hosts) ->
    case {maps:get(From, Lists, maps:get(To, Lists, none)), ClassOf} of
        {#{} = People, _} ->
            not (maps:is_key(From, People) orelse maps:is_key(To, People));
        {none, #{From := One, To := Other}} ->
            not maps:is_key(Other, maps:get(One, Reaches));
        _ ->
            % A server speaks to its own accounts.
            not (lists:member(From, Hosts) andalso domain(To) =:= From)
    end.

%% One of the line's own components, or an address at it: listed nowhere.
is_own(Address, #{class_of := ClassOf, lists := Lists}, IsComponent) ->
    not maps:is_key(Address, ClassOf) andalso not maps:is_key(Address, Lists)
        andalso is_component(domain(Address), ClassOf, IsComponent).

is_component(Domain, ClassOf, IsComponent) -> not maps:is_key(Domain, ClassOf) andalso IsComponent(Domain).

domain(Address) ->
    case binary:split(Address, <<"@">>) of [_, Domain] -> Domain; [Domain] -> Domain end.

words(undefined) -> [];
words(Text) -> binary:split(Text, [<<" ">>, <<"\n">>, <<"\t">>, <<"\r">>], [global, trim_all]).

text(Children) ->
    iolist_to_binary([Text || {xmlcdata, Text} <- Children]).

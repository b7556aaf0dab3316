-module(stanza_gate_wire_tests).
-compile([export_all, nowarn_export_all]).

-define(HEAD, #{host => <<"m.example">>, gate => <<"gate.m.example">>, epoch => <<"9f">>, way => <<"c2s">>,
                session => <<"c7">>}).
-define(GATE_NS, {<<"xmlns">>, <<"urn:steelyard:gate:0">>}).

body() -> {xmlel, <<"message">>, [{<<"to">>, <<"bob@m.example">>}], [{xmlel, <<"body">>, [], [{xmlcdata, <<"Cu">>}]}]}.

a_submission_names_its_number_and_the_clients_namespace_test() ->
    {xmlel, <<"message">>, [{<<"from">>, <<"m.example">>}, {<<"to">>, <<"gate.m.example">>}],
     [{xmlel, <<"held">>, Attributes, [{xmlel, <<"forwarded">>, _, [{xmlel, <<"message">>, Of, _}]}]}]} =
        stanza_gate_wire:held(?HEAD, 42, body()),
    [?GATE_NS, {<<"epoch">>, <<"9f">>}, {<<"way">>, <<"c2s">>}, {<<"session">>, <<"c7">>}, {<<"seq">>, <<"42">>}] = Attributes,
    <<"jabber:client">> = proplists:get_value(<<"xmlns">>, Of).

what_is_said_only_where_there_is_something_to_say_test() ->
    {xmlel, _, _, [{xmlel, _, Attributes, _}]} =
        stanza_gate_wire:held((?HEAD)#{counted => true, stopped => true, inject => <<"h1">>}, 1, body()),
    <<"true">> = proplists:get_value(<<"counted">>, Attributes),
    <<"true">> = proplists:get_value(<<"stopped">>, Attributes),
    {xmlel, _, _, [{xmlel, _, Others, _}]} = stanza_gate_wire:held((?HEAD)#{stopped => false}, 1, body()),
    undefined = proplists:get_value(<<"stopped">>, Others),
    <<"h1">> = proplists:get_value(<<"inject">>, Attributes).

a_status_names_what_was_bounced_and_which_hosts_are_open_test() ->
    {xmlel, _, _, [{xmlel, <<"status">>, Attributes, Children}]} = stanza_gate_wire:status(?HEAD, #{
        n => 3, first => 5, next => 9, done => 4, turned_away => 2, bounced => [{6, failed}, {7, refused}, {8, unrecorded}],
        unheld => [<<"m.example">>]}),
    [<<"3">>, <<"5">>, <<"9">>, <<"4">>, <<"2">>] = [proplists:get_value(Name, Attributes)
        || Name <- [<<"n">>, <<"first">>, <<"next">>, <<"done">>, <<"turned-away">>]],
    [{xmlel, <<"bounced">>, [{<<"seq">>, <<"6">>}], []},
     {xmlel, <<"bounced">>, [{<<"seq">>, <<"7">>}, {<<"refused">>, <<"true">>}], []},
     {xmlel, <<"bounced">>, [{<<"seq">>, <<"8">>}, {<<"unrecorded">>, <<"true">>}], []},
     {xmlel, <<"unheld">>, [{<<"host">>, <<"m.example">>}], []}] = Children.

inside({xmlel, <<"message">>, Of, [{xmlel, <<"held">>, Attributes, [Child]}]}) -> {Of, Attributes, Child}.

what_is_quarantined_is_text_under_its_own_number_test() ->
    Held = stanza_gate_wire:held(?HEAD, 42, body()),
    {Of, Attributes, {xmlel, <<"forwarded">>, _, [Stanza]}} = inside(Held),
    {Of, Attributes, {xmlel, <<"quarantined">>, Told, [{xmlcdata, Text}]}} = inside(stanza_gate_wire:quarantined(Held)),
    [{<<"kind">>, <<"message">>}, {<<"from">>, <<>>}, {<<"to">>, <<"bob@m.example">>}] = Told,
    true = fxml:element_to_binary(Stanza) =:= base64:decode(Text).

an_event_is_quarantined_without_addresses_test() ->
    Event = stanza_gate_wire:event(?HEAD, 7, {<<"bind">>, [{<<"jid">>, <<"bob@m.example/desk">>}]}),
    {_, _, {xmlel, <<"quarantined">>, Told, [{xmlcdata, Text}]}} = inside(stanza_gate_wire:quarantined(Event)),
    [{<<"kind">>, <<"bind">>}, {<<"from">>, <<>>}, {<<"to">>, <<>>}] = Told,
    <<"<bind jid='bob@m.example/desk'/>">> = base64:decode(Text).

what_the_gate_could_not_read_has_a_number_test() ->
    {unread, 43} = stanza_gate_wire:read([{xmlel, <<"unread">>, [?GATE_NS, {<<"seq">>, <<"43">>}], []}]),
    unknown = stanza_gate_wire:read([{xmlel, <<"unread">>, [?GATE_NS], []}]).

verdict(Attributes, Children) ->
    Given = [?GATE_NS, {<<"epoch">>, <<"9f">>}, {<<"seq">>, <<"4">>}, {<<"through">>, <<"8">>}, {<<"log">>, <<"gate">>},
             {<<"first">>, <<"100">>}],
    Changed = lists:foldl(fun({Name, Value}, Acc) -> lists:keystore(Name, 1, Acc, {Name, Value}) end, Given, Attributes),
    stanza_gate_wire:read([{xmlcdata, <<" ">>}, {xmlel, <<"verdict">>, Changed, Children}]).

a_verdict_is_read_with_its_exceptions_test() ->
    Error = {xmlel, <<"error">>, [{<<"type">>, <<"cancel">>}], []},
    Each = fun(Name, Seq, Inside) -> {xmlel, Name, [{<<"seq">>, Seq}], Inside} end,
    {verdict, #{epoch := <<"9f">>, log := <<"gate">>, seq := 4, through := 8, first := 100, exceptions := Exceptions}} =
        verdict([], [Each(<<"refuse">>, <<"4">>, [Error]), Each(<<"keep">>, <<"5">>, []), Each(<<"bounce">>, <<"6">>, []),
                     Each(<<"amend">>, <<"7">>, [{xmlel, <<"forwarded">>, [], [body()]}]),
                     Each(<<"strange">>, <<"8">>, [])]),
    #{4 := {refuse, Error}, 5 := {keep, none}, 6 := bounce, 7 := {amend, Amended}, 8 := bounce} = Exceptions,
    Amended = body().

what_is_no_verdict_is_not_one_test() ->
    [unknown = verdict([{Name, <<"x">>}], []) || Name <- [<<"seq">>, <<"through">>, <<"first">>]],
    unknown = stanza_gate_wire:read([]),
    unknown = stanza_gate_wire:read([{xmlel, <<"verdict">>, [], []}]),
    unknown = stanza_gate_wire:read([{xmlel, <<"inject">>, [{<<"id">>, <<"h">>}], []}]).

only_the_gates_namespace_is_for_the_adapter_test() ->
    true = stanza_gate_wire:is_command([{xmlel, <<"noted">>, [?GATE_NS, {<<"n">>, <<"1">>}], []}]),
    false = stanza_gate_wire:is_command([{xmlel, <<"noted">>, [], []}]),
    false = stanza_gate_wire:is_command([]),
    {noted, 1} = stanza_gate_wire:read([{xmlel, <<"noted">>, [?GATE_NS, {<<"n">>, <<"1">>}], []}]).

a_new_password_is_not_told_test() ->
    Field = fun(Var) -> {xmlel, <<"field">>, [{<<"var">>, Var}], [{xmlel, <<"value">>, [], [{xmlcdata, <<"s3cret">>}]}]} end,
    Query = {xmlel, <<"query">>, [{<<"xmlns">>, <<"jabber:iq:register">>}],
             [{xmlel, <<"username">>, [], [{xmlcdata, <<"alice">>}]},
              {xmlel, <<"password">>, [], [{xmlcdata, <<"s3cret">>}]},
              {xmlel, <<"x">>, [], [Field(<<"password">>), Field(<<"email">>)]}]},
    {xmlel, <<"iq">>, [], [{xmlel, _, _, [Username, Password, {xmlel, _, _, [Hidden, Shown]}]}]} =
        stanza_gate_wire:without_passwords({xmlel, <<"iq">>, [], [Query]}),
    {xmlel, <<"username">>, [], [{xmlcdata, <<"alice">>}]} = Username,
    {xmlel, <<"password">>, [], [{xmlel, <<"redacted">>, [?GATE_NS], []}]} = Password,
    {xmlel, <<"field">>, _, [{xmlel, <<"redacted">>, [?GATE_NS], []}]} = Hidden,
    Shown = Field(<<"email">>),
    % Anything else is told as it is.
    Other = {xmlel, <<"iq">>, [], [{xmlel, <<"query">>, [{<<"xmlns">>, <<"urn:x">>}], [Field(<<"password">>)]}]},
    Other = stanza_gate_wire:without_passwords(Other).

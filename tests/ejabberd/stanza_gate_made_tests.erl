-module(stanza_gate_made_tests).
-compile([export_all, nowarn_export_all]).

-include("xmpp.hrl").

jid(Text) -> jid:decode(Text).

presence(From, To) ->
    {ok, _} = application:ensure_all_started(xmpp),
    #presence{from = jid(From), to = jid(To)}.

is_made(Packet) -> stanza_gate_made:is_made(Packet, [<<"m.example">>, <<"g.example">>]).

%% What Alice said to this address, as it is carried out.
said(To) -> stanza_gate_guard:carry(presence(<<"alice@m.example/desk">>, To), 7).

what_she_said_is_not_made_test() ->
    false = is_made(said(<<"bob@m.example">>)),
    false = is_made(said(<<"pit@rooms.m.example/Al">>)).

what_goes_to_others_than_she_said_is_test() ->
    Broadcast = xmpp:set_to(said(<<"alice@m.example">>), jid(<<"bob@m.example">>)),
    true = is_made(Broadcast),
    % Its number stays behind, with its node: one contact who cannot be reached is nothing that she was refused.
    {nonode@nohost, 7} = stanza_gate_guard:carried(Broadcast),
    none = stanza_gate_guard:carried(stanza_gate_guard:let_go(Broadcast)).

what_nobody_said_is_test() ->
    true = is_made(presence(<<"alice@m.example/desk">>, <<"bob@m.example">>)),
    true = is_made(presence(<<"alice@m.example">>, <<"george@g.example">>)).

what_she_tells_herself_or_others_say_is_not_test() ->
    false = is_made(presence(<<"alice@m.example/desk">>, <<"alice@m.example">>)),
    false = is_made(presence(<<"pit@rooms.m.example/Al">>, <<"bob@m.example/x">>)),
    false = is_made(presence(<<"zoe@elsewhere.example">>, <<"bob@m.example">>)).

an_error_is_nobodys_word_and_has_no_number_test() ->
    Error = (presence(<<"alice@m.example/desk">>, <<"bob@m.example">>))#presence{type = error},
    false = is_made(Error),
    none = stanza_gate_guard:carried(stanza_gate_guard:carry(Error, 7)).

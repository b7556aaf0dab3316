-module(stanza_gate_receipts_tests).
-compile([export_all, nowarn_export_all]).

-define(GATE, <<"gate.m.example">>).

by(Value) -> by(<<"stanza-id">>, <<"by">>, Value).
by(Name, Attribute, Value) -> {xmlel, Name, [{<<"xmlns">>, <<"urn:xmpp:sid:0">>}, {Attribute, Value}], []}.

left(Elements) -> stanza_gate_receipts:without_forged(Elements, ?GATE).

setup() -> {ok, _} = application:ensure_all_started(stringprep).

spellings_test_() ->
    {setup, fun setup/0, fun(_) ->
        [fun() -> [] = left([by(Spelt)]) end
         || Spelt <- [?GATE, <<"GATE.m.example">>, <<" gate.m.example\t">>, <<"gate.m.example.">>, <<"gate.m.example/x">>,
                      <<"Notice@gate.m.Example">>, <<"gate", 227, 128, 130, "m.example">>, <<"ga", 194, 173, "te.m.example">>]]
    end}.

genuine_test_() ->
    {setup, fun setup/0, fun(_) ->
        [fun() -> Genuine = [by(Value)], Genuine = left(Genuine) end
         || Value <- [<<"m.example">>, <<"notgate.m.example">>, <<"gate.m.example.org">>, <<"bob@m.example">>,
                      <<>>]]
    end}.

at_any_depth_and_however_written_test() ->
    setup(),
    Deep = {xmlel, <<"forwarded">>, [], [{xmlcdata, <<"x">>}, {xmlel, <<"message">>, [], [by(?GATE), by(<<"m.example">>)]}]},
    [{xmlel, <<"forwarded">>, [], [{xmlcdata, <<"x">>}, {xmlel, <<"message">>, [], [Left]}]}] = left([Deep]),
    Left = by(<<"m.example">>),
    [] = left([by(<<"s:stanza-id">>, <<"by">>, ?GATE), by(<<"stanza-id">>, <<"t:by">>, ?GATE)]).

a_receipt_is_taken_for_one_test() ->
    setup(),
    [] = left([stanza_gate_receipts:new(?GATE, <<"gate/1">>)]).

-module(stanza_gate_archived_tests).
-compile([export_all, nowarn_export_all]).

message() -> {xmlel, <<"message">>, [{<<"from">>, <<"alice@m.example/desk">>}, {<<"to">>, <<"bob@m.example">>}], []}.

within(Name, Child) -> {xmlel, Name, [], [{xmlcdata, <<"\n">>}, Child]}.

a_result_names_who_said_it_to_whom_test() ->
    Result = within(<<"result">>, within(<<"forwarded">>, message())),
    [<<"alice@m.example/desk">>, <<"bob@m.example">>] = stanza_gate_archived:addresses([{xmlel, <<"other">>, [], []}, Result]).

what_is_no_result_names_nobody_test() ->
    [] = stanza_gate_archived:addresses([]),
    [] = stanza_gate_archived:addresses([message()]),
    [] = stanza_gate_archived:addresses([within(<<"result">>, message())]),
    [] = stanza_gate_archived:addresses([within(<<"received">>, within(<<"forwarded">>, message()))]).

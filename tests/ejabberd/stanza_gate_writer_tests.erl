-module(stanza_gate_writer_tests).
-compile([export_all, nowarn_export_all]).

element(Text) -> {xmlel, <<"held">>, [], [{xmlcdata, Text}]}.

gathered(Texts) ->
    [stanza_gate_writer:write(element(Text), self()) || Text <- Texts],
    receive {stanza_gate_write, First} -> iolist_to_binary(stanza_gate_writer:gathered(First, [])) end.

what_waits_is_written_at_once_and_in_order_test() ->
    <<"<held>a</held><held>b</held><held>c</held>">> = gathered([<<"a">>, <<"b">>, <<"c">>]),
    <<"<held>d</held>">> = gathered([<<"d">>]).

what_is_enough_leaves_the_rest_for_later_test() ->
    Much = binary:copy(<<"m">>, 65536),
    true = <<"<held>", Much/binary, "</held>">> =:= gathered([Much, <<"later">>]),
    receive {stanza_gate_write, Later} -> Later = element(<<"later">>) end.

%% Such a stream has no socket that could be written to: the next thing that it is told is to close.
who_cannot_write_ends_the_stream_test() ->
    Test = self(),
    Stream = spawn(fun() -> receive Said -> Test ! {said, Said} end end),
    stanza_gate_writer:start(Stream),
    receive {said, {system, _, get_state}} -> ok end,
    Other = spawn(fun() ->
        receive {system, {From, Tag}, get_state} -> gen:reply({From, Tag}, {error, none}) end,
        receive Next -> Test ! {told, Next} end
    end),
    stanza_gate_writer:start(Other),
    receive {told, Told} -> {'$gen_cast', {close, closed}} = Told end.

-module(stanza_gate_ripe_tests).
-compile([export_all, nowarn_export_all]).

%% The window's state, as far as it is looked at; nothing is on its way in a server that is not there.
state() ->
    _ = [ets:delete(Table) || Table <- [stanza_gate_afar, stanza_gate_nodes], ets:info(Table) =/= undefined],
    stanza_gate_afar:open(),
    #{asks => stanza_gate_nodes:open(), status => stanza_gate_status:new(), queue => stanza_gate_queue:new(10, 100), quiet => stanza_gate_quiet:new(),
      arrivals => stanza_gate_arrivals:new(), looks => false, options => #{timeout_ms => 1000}}.

one_look_is_made_for_all_who_wait_test() ->
    One = stanza_gate_ripe:awaited(0, {self(), make_ref()}, state()),
    #{looks := true} = stanza_gate_ripe:awaited(0, {self(), make_ref()}, One),
    receive look -> ok end,
    none = receive look -> another after 0 -> none end.

another_node_that_asks_is_waited_for_as_well_test() ->
    #{looks := true} = stanza_gate_ripe:heard(nothing, (state())#{asks := [waits]}),
    receive look -> ok end.

what_was_sent_to_another_node_is_looked_at_soon_test() ->
    State = state(),
    #{looks := false} = stanza_gate_ripe:heard(nothing, State),
    ets:insert(stanza_gate_afar, {{0, 1}, far@away, 1, 7, none}),
    #{looks := true} = stanza_gate_ripe:heard(nothing, State),
    receive look -> ok end.

nothing_is_looked_at_where_nobody_waits_test() ->
    #{looks := false, quiet := Quiet} = stanza_gate_ripe:ripen(0, state()),
    Quiet = stanza_gate_quiet:new().

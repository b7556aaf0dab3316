-module(stanza_gate_afar_tests).
-compile([export_all, nowarn_export_all]).

%% On their way to two nodes are the numbers 7 and 8, and to one of them 7 once more; they have arrived with the third round.
open() ->
    _ = [ets:delete(stanza_gate_afar) || ets:info(stanza_gate_afar) =/= undefined],
    stanza_gate_afar:open(),
    false = stanza_gate_afar:is_any(),
    ets:insert(stanza_gate_afar, [{{100, 1}, 'b@x', 3, 7, none}, {{200, 2}, 'c@x', 3, 8, none}, {{300, 3}, 'b@x', 3, 7, none}]).

%% A process of a node that is not there.
afar() -> binary_to_term(<<131, 88, 100, 0, 3, "d@x", 0:64, 1:32>>).

what_was_on_its_way_to_a_node_that_is_lost_is_told_once_test() ->
    open(),
    [{7, none}] = stanza_gate_afar:lost('b@x'),
    [] = stanza_gate_afar:lost('b@x'),
    true = stanza_gate_afar:is_any(),
    [{8, none}] = stanza_gate_afar:lost('c@x'),
    false = stanza_gate_afar:is_any().

what_has_arrived_is_lost_with_nobody_test() ->
    open(),
    % The third round has begun, and is not over.
    stanza_gate_afar:seen(300, #{begun => 3, pending => [somebody]}, ['b@x', 'c@x']),
    [{8, none}] = stanza_gate_afar:lost('c@x'),
    stanza_gate_afar:seen(300, #{begun => 3, pending => []}, ['b@x', 'c@x']),
    false = stanza_gate_afar:is_any(),
    [] = stanza_gate_afar:lost('b@x').

rounds_say_nothing_of_a_node_that_is_gone_and_not_heard_of_yet_test() ->
    open(),
    stanza_gate_afar:seen(300, #{begun => 3, pending => []}, ['c@x']),
    [] = stanza_gate_afar:lost('c@x'),
    [{7, none}] = stanza_gate_afar:lost('b@x').

what_a_node_that_never_rests_has_had_for_long_is_forgotten_test() ->
    open(),
    stanza_gate_afar:seen(30200, #{begun => 2, pending => []}, ['b@x', 'c@x']),
    [] = stanza_gate_afar:lost('c@x'),
    [{7, none}] = stanza_gate_afar:lost('b@x').

what_goes_to_a_room_of_a_node_that_is_lost_already_goes_back_test() ->
    open(),
    % An error, which nobody has to be told of.
    Meta = #{stanza_gate_seq => {node(), 9}, stanza_gate_to => none},
    Packet = {message, <<>>, error, <<>>, undefined, undefined, [], [], undefined, [], Meta},
    true = register(stanza_gate_window, self()),
    lost = stanza_gate_afar:to_process(afar(), Packet),
    receive {'$gen_cast', {failed, 9}} -> unregister(stanza_gate_window) end,
    [] = stanza_gate_afar:lost('d@x'),
    none = stanza_gate_afar:to_process(self(), Packet),
    none = stanza_gate_afar:to_process(none, Packet).

what_goes_to_another_node_and_was_not_released_here_is_only_sent_test() ->
    open(),
    Afar = afar(),
    false = stanza_gate_afar:send(Afar, {route, {message, <<>>, normal, <<>>, undefined, undefined, [], [], undefined, [], #{}}}),
    false = stanza_gate_afar:send(Afar, other),
    [] = stanza_gate_afar:lost('d@x').

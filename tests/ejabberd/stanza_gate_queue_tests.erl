-module(stanza_gate_queue_tests).
-compile([export_all, nowarn_export_all]).

entry(Until) -> #{size => 10, until => Until}.

filled(Untils) ->
    lists:foldl(fun(Until, Queue) -> element(2, stanza_gate_queue:add(entry(Until), Queue)) end,
                stanza_gate_queue:new(4, 100), Untils).

numbers_have_no_gaps_test() ->
    {1, One} = stanza_gate_queue:add(entry(5), stanza_gate_queue:new(4, 100)),
    {2, Two} = stanza_gate_queue:add(entry(5), stanza_gate_queue:remove(1, One)),
    3 = stanza_gate_queue:next(Two),
    2 = stanza_gate_queue:first(Two),
    3 = stanza_gate_queue:first(stanza_gate_queue:remove(2, Two)).

settled_out_of_order_counts_when_the_rest_is_test() ->
    Queue = filled([1, 1, 1]),
    0 = stanza_gate_queue:done(stanza_gate_queue:settle(3, stanza_gate_queue:settle(2, Queue))),
    All = lists:foldl(fun stanza_gate_queue:settle/2, Queue, [3, 2, 1, 1, 2]),
    3 = stanza_gate_queue:done(All).

the_window_is_bounded_in_stanzas_and_in_bytes_test() ->
    false = stanza_gate_queue:is_full(10, filled([1, 1, 1])),
    true = stanza_gate_queue:is_full(10, filled([1, 1, 1, 1])),
    true = stanza_gate_queue:is_full(71, filled([1, 1, 1])),
    false = stanza_gate_queue:is_full(70, filled([1, 1, 1])),
    % What left makes room again.
    false = stanza_gate_queue:is_full(71, stanza_gate_queue:remove(2, filled([1, 1, 1]))).

what_waits_without_a_limit_is_never_overdue_test() ->
    Queue = filled([5, never, 7]),
    [] = stanza_gate_queue:overdue(4, Queue),
    [{1, _}] = stanza_gate_queue:overdue(6, Queue),
    [{1, _}, {3, _}] = stanza_gate_queue:overdue(1000, Queue).

as_many_may_wait_without_a_limit_as_there_are_places_test() ->
    false = stanza_gate_queue:is_full_of_patient(filled([never, never, never, 5])),
    Full = filled([never, never, never, never]),
    true = stanza_gate_queue:is_full_of_patient(Full),
    false = stanza_gate_queue:is_full_of_patient(stanza_gate_queue:remove(3, Full)),
    true = stanza_gate_queue:is_full_of_patient(stanza_gate_queue:remove(9, Full)).

what_is_limited_is_all_that_time_bounces_test() ->
    [{1, _}, {3, _}] = stanza_gate_queue:limited(filled([5, never, 7])),
    [] = stanza_gate_queue:limited(filled([never])).

what_is_not_there_is_not_removed_test() ->
    Queue = filled([1]),
    Queue = stanza_gate_queue:remove(7, Queue),
    none = stanza_gate_queue:find(7, Queue),
    #{until := 1} = stanza_gate_queue:find(1, Queue).

what_is_known_of_an_entry_can_change_test() ->
    Queue = stanza_gate_queue:change(2, (entry(7))#{breaks => 1}, filled([5, 6])),
    [{1, #{until := 5}}, {2, #{until := 7, breaks := 1}}] = stanza_gate_queue:entries(Queue),
    {3, _} = stanza_gate_queue:add(entry(8), Queue).

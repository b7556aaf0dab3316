-module(stanza_gate_arrivals_tests).
-compile([export_all, nowarn_export_all]).

-import(stanza_gate_arrivals, [new/0, add/3, arrived/3, are_awaited/1]).

waiting() -> add(third, {5, 900}, add(second, {4, 800}, add(first, {4, 700}, new()))).

each_waits_for_its_rounds_test() ->
    {[], Same} = arrived(0, 3, waiting()),
    true = are_awaited(Same),
    {[first, second], Left} = arrived(0, 4, Same),
    {[third], Nobody} = arrived(0, 5, Left),
    false = are_awaited(Nobody).

nobody_waits_longer_than_they_may_test() ->
    {[first], Left} = arrived(700, 0, waiting()),
    {[second, third], []} = arrived(1000, 0, Left).

nobody_is_told_before_whoever_asked_before_test() ->
    {[], _} = arrived(0, 4, add(late, {3, 100}, add(early, {5, 500}, new()))).

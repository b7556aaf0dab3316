-module(stanza_gate_parted_tests).
-compile([export_all, nowarn_export_all]).

newly(People, Was, Is) ->
    stanza_gate_parted:newly(People, fun(Each) -> lists:member(Each, Was) end, fun(Each) -> lists:member(Each, Is) end).

only_who_was_told_of_and_may_not_be_any_more_test() ->
    [bob] = newly([bob, carol, dan], [carol], [bob, carol]),
    [] = newly([bob, carol], [bob], []),
    [] = newly([], [], [bob]).

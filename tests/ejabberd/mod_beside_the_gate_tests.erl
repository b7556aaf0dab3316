-module(mod_beside_the_gate_tests).
-compile([export_all, nowarn_export_all]).

-include("xmpp.hrl").

what_is_told_says_whether_the_rules_are_in_force_test() ->
    <<"recorded\nnot yet">> = mod_beside_the_gate:text(<<"recorded">>, <<"not yet">>, true),
    <<"recorded">> = mod_beside_the_gate:text(<<"recorded">>, <<"not yet">>, false),
    <<"recorded">> = mod_beside_the_gate:text(<<"recorded">>, <<>>, true).

who_was_told_at_login_is_not_told_again_test() ->
    Again = {#presence{type = available}, #{pres_last => #presence{}}},
    Again = mod_beside_the_gate:tell(Again),
    Gone = {#presence{type = unavailable}, #{}},
    Gone = mod_beside_the_gate:tell(Gone).

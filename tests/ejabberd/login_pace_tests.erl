-module(login_pace_tests).
-compile([export_all, nowarn_export_all]).

-define(HERE, {192, 0, 2, 1}).
-define(ELSEWHERE, {192, 0, 2, 2}).

tried(Times, Address, Users) ->
    lists:foldl(fun(Number, Pace) ->
        User = Users(Number),
        false = login_pace:is_spent(Address, User, 0, Pace),
        login_pace:wrong(Address, User, 0, Pace)
    end, login_pace:new(), lists:seq(1, Times)).

alice(_) -> alice.

a_person_may_err_and_then_get_in_test() ->
    false = login_pace:is_spent(?HERE, alice, 0, tried(19, ?HERE, fun alice/1)).

who_guesses_is_kept_out_test() ->
    true = login_pace:is_spent(?HERE, alice, 0, tried(20, ?HERE, fun alice/1)).

nobody_is_kept_out_by_who_guesses_elsewhere_or_at_another_account_test() ->
    Pace = tried(20, ?HERE, fun alice/1),
    false = login_pace:is_spent(?ELSEWHERE, alice, 0, Pace),
    false = login_pace:is_spent(?HERE, bob, 0, Pace).

time_brings_attempts_back_at_the_pace_of_one_in_half_a_minute_test() ->
    Pace = tried(20, ?HERE, fun alice/1),
    true = login_pace:is_spent(?HERE, alice, 29000, Pace),
    false = login_pace:is_spent(?HERE, alice, 31000, Pace),
    true = login_pace:is_spent(?HERE, alice, 31000, login_pace:wrong(?HERE, alice, 31000, Pace)).

no_time_brings_more_than_at_first_test() ->
    Pace = login_pace:wrong(?HERE, alice, 0, login_pace:new()),
    Late = lists:foldl(fun(_, Acc) -> login_pace:wrong(?HERE, alice, 1000000000, Acc) end, Pace, lists:seq(1, 20)),
    true = login_pace:is_spent(?HERE, alice, 1000000000, Late).

one_address_tries_only_so_many_names_test() ->
    Pace = tried(200, ?HERE, fun(Number) -> Number end),
    true = login_pace:is_spent(?HERE, zoe, 0, Pace),
    false = login_pace:is_spent(?ELSEWHERE, zoe, 0, Pace).

what_it_remembers_has_a_bound_and_the_newest_stay_test() ->
    Pace = lists:foldl(fun(Number, Acc) -> login_pace:wrong({10, 0, Number div 256, Number rem 256}, alice, Number, Acc) end,
                       login_pace:new(), lists:seq(1, 30000)),
    true = maps:size(Pace) =< 20002,
    Last = lists:foldl(fun(_, Acc) -> login_pace:wrong({10, 0, 117, 48}, alice, 30000, Acc) end, Pace, lists:seq(1, 19)),
    true = login_pace:is_spent({10, 0, 117, 48}, alice, 30000, Last).

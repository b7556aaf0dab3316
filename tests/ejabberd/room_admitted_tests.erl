-module(room_admitted_tests).
-compile([export_all, nowarn_export_all]).

-define(PIT, <<"pit@rooms.example">>).

account(Listed, InPit, Before, Now) ->
    Lists = case InPit of none -> #{}; _ -> #{?PIT => maps:from_keys(InPit, true)} end,
    room_admitted:account(Listed, Lists, Before, Now).

who_could_enter_before_anybody_kept_account_may_know_all_test() ->
    #{line := #{a := 0, b := 0}, ?PIT := #{a := 0} = Pit} = account([a, b], [a], #{}, 10),
    1 = maps:size(Pit).

who_is_let_in_later_may_know_what_comes_test() ->
    First = account([a, b], [a], #{}, 10),
    #{line := #{b := 0}, ?PIT := #{a := 0, b := 20}} = account([a, b], [a, b], First, 20).

who_is_put_out_and_let_in_again_starts_anew_test() ->
    First = account([a, b], [a, b], #{}, 10),
    #{?PIT := Without} = Second = account([a, b], [a], First, 20),
    false = maps:is_key(b, Without),
    #{?PIT := #{b := 30}} = account([a, b], [a, b], Second, 30).

who_comes_to_the_line_later_may_know_nothing_of_before_in_any_room_test() ->
    #{line := #{a := 0, c := 20}} = account([a, c], none, account([a], none, #{}, 10), 20).

a_list_that_is_gone_lets_those_in_whom_it_kept_out_test() ->
    First = account([a, b], [a], #{}, 10),
    #{?PIT := #{a := 0, b := 20}} = Second = account([a, b], none, First, 20),
    % They stay known, also when the list comes back.
    #{?PIT := #{b := 20}} = account([a, b], [a, b], Second, 30).

an_account_of_the_same_table_stays_as_it_is_test() ->
    First = account([a, b], [a], #{}, 10),
    First = account([a, b], [a], First, 20).

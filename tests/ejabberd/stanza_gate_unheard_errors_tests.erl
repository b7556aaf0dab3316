-module(stanza_gate_unheard_errors_tests).
-compile([export_all, nowarn_export_all]).

%% A session that has counted `In`, and has said so many stanzas of which so many are not confirmed.
state(In, Out, Unconfirmed) ->
    Queue = lists:foldl(fun p1_queue:in/2, p1_queue:new(), lists:duplicate(Unconfirmed, stanza)),
    #{mgmt_state => active, mgmt_stanzas_in => In, mgmt_stanzas_out => Out, mgmt_queue => Queue}.

%% The next that it says comes back, with an error that is not confirmed.
give_back(#{mgmt_stanzas_in := In, mgmt_stanzas_out := Out, mgmt_queue := Queue} = State) ->
    stanza_gate_unheard_errors:note(
        State#{mgmt_stanzas_in := In + 1, mgmt_stanzas_out := Out + 1, mgmt_queue := p1_queue:in(stanza, Queue)}).

carry_out(#{mgmt_stanzas_in := In} = State) -> State#{mgmt_stanzas_in := In + 1}.

%% The client says that it has all but so many.
confirm_all_but(Count, #{mgmt_queue := Queue} = State) ->
    {_, Left} = lists:split(p1_queue:len(Queue) - Count, p1_queue:to_list(Queue)),
    State#{mgmt_queue := p1_queue:from_list(Left)}.

expire(State) ->
    #{mgmt_stanzas_in := In} = stanza_gate_unheard_errors:take_back(State#{mgmt_state := timeout}),
    In.

what_came_back_last_is_taken_back_test() ->
    5 = expire(give_back(give_back(state(5, 7, 0)))),
    5 = expire(give_back((give_back(state(5, 7, 3)))#{mgmt_state := pending})).

what_the_client_says_that_it_has_counts_test() ->
    Given = give_back(give_back(state(5, 7, 0))),
    6 = expire(confirm_all_but(1, Given)),
    7 = expire(confirm_all_but(0, Given)),
    6 = expire(give_back(confirm_all_but(0, give_back(state(5, 7, 1))))).

nothing_that_was_carried_out_is_said_again_test() ->
    7 = expire(give_back(carry_out(give_back(state(5, 7, 0))))),
    7 = expire(carry_out(give_back(state(5, 7, 0)))).

no_more_is_kept_than_is_not_confirmed_test() ->
    Often = lists:foldl(fun(_, Acc) -> confirm_all_but(2, give_back(Acc)) end, state(0, 0, 2), lists:seq(1, 1000)),
    #{stanza_gate_unheard_errors := Kept} = Often,
    3 = length(Kept).

a_session_that_is_resumed_or_counts_nothing_stays_as_it_is_test() ->
    State = give_back(state(5, 7, 0)),
    State = stanza_gate_unheard_errors:take_back(State),
    Inactive = #{mgmt_state => inactive, mgmt_stanzas_in => 0, mgmt_stanzas_out => 0},
    Inactive = stanza_gate_unheard_errors:note(Inactive),
    5 = expire(state(5, 7, 2)).

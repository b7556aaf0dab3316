-module(stanza_gate_window_tests).
-compile([export_all, nowarn_export_all]).

-import(stanza_gate_window, [answer/2, answer_all/1, await/2, ask/4, ask_arrived/0, forget_gone/0, gone/1, taken/1]).

%% The table is the process's that runs the test, as it is the window's.
with_table(Test) ->
    stanza_gate_window:open(),
    try Test() after ets:delete(stanza_gate_window), forget_answers() end.

%% The process runs the next test, too.
forget_answers() ->
    receive {stanza_gate_answered, _} -> forget_answers() after 0 -> ok end.

wait_until_told([]) -> ok;
wait_until_told(Refs) -> receive {stanza_gate_answered, Told} -> wait_until_told(Refs -- Told) end.

asked(Window) -> asked(Window, 60000).

asked(Window, WithinMs) -> {asked, make_ref(), Window, erlang:monotonic_time(millisecond) + WithinMs}.

ended() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Monitor, process, Pid, _} -> Pid end.

an_answer_is_taken_once_test() ->
    with_table(fun() ->
        {asked, Ref, _, _} = asked(self()),
        none = taken(Ref),
        answer({self(), Ref}, silent),
        silent = taken(Ref),
        none = taken(Ref)
    end).

an_answer_is_found_whether_its_message_is_or_not_test() ->
    with_table(fun() ->
        {asked, Ref, _, _} = Asked = asked(self()),
        answer({self(), Ref}, silent),
        % The process has taken the message already, into a queue of its own.
        receive {stanza_gate_answered, [Ref]} -> ok end,
        silent = await(Asked, false)
    end).

who_waits_is_told_when_the_answer_comes_test() ->
    with_table(fun() ->
        {asked, Ref, _, _} = Asked = asked(self()),
        Waiting = self(),
        spawn(fun() -> answer({Waiting, Ref}, {bounced, failed}) end),
        {bounced, failed} = await(Asked, false)
    end).

who_has_asked_much_is_told_once_test() ->
    with_table(fun() ->
        [One, Two, Theirs] = [make_ref() || _ <- [1, 2, 3]],
        answer_all([{{self(), One}, silent}, {{ended(), Theirs}, silent}, {{self(), Two}, {bounced, failed}}]),
        receive {stanza_gate_answered, Refs} -> [] = Refs -- [One, Two], 2 = length(Refs) end,
        none = receive {stanza_gate_answered, _} = More -> More after 0 -> none end,
        [silent, {bounced, failed}, silent] = [taken(Each) || Each <- [One, Two, Theirs]]
    end).

what_is_answered_while_one_waits_for_another_is_told_again_test() ->
    with_table(fun() ->
        {asked, Ref, _, _} = Asked = asked(self()),
        [Before, With] = [make_ref() || _ <- [1, 2]],
        Waiting = self(),
        spawn(fun() ->
            answer({Waiting, Before}, silent),
            answer_all([{{Waiting, Ref}, silent}, {{Waiting, With}, silent}])
        end),
        silent = await(Asked, false),
        wait_until_told([Before, With])
    end).

no_answer_comes_from_a_window_that_has_died_or_says_nothing_test() ->
    with_table(fun() ->
        gone = await(asked(ended()), false),
        gone = await(asked(self(), 0), false)
    end).

what_the_window_answered_before_it_died_counts_test() ->
    with_table(fun() ->
        {asked, Ref, _, _} = Asked = asked(ended()),
        answer({self(), Ref}, silent),
        silent = await(Asked, false)
    end).

who_waits_may_hear_others_meanwhile_test() ->
    with_table(fun() ->
        self() ! {route, said},
        gone = await(asked(self(), 0), false),
        {meanwhile, {route, said}} = await(asked(self()), true)
    end).

nothing_is_kept_for_who_has_died_test() ->
    with_table(fun() ->
        {asked, Theirs, _, _} = asked(self()),
        {asked, Own, _, _} = asked(self()),
        Gone = ended(),
        answer({Gone, Theirs}, silent),
        answer({self(), Own}, silent),
        gone(Gone),
        none = taken(Theirs),
        silent = taken(Own)
    end).

what_the_dead_have_not_taken_is_forgotten_test() ->
    with_table(fun() ->
        [One, Two, Own] = [make_ref() || _ <- [1, 2, 3]],
        Gone = ended(),
        answer_all([{{Gone, One}, arrived}, {{Gone, Two}, silent}, {{self(), Own}, arrived}]),
        forget_gone(),
        [none, none, arrived] = [taken(Each) || Each <- [One, Two, Own]],
        0 = ets:info(stanza_gate_window, size),
        forget_gone()
    end).

without_a_window_nothing_is_asked_test() ->
    noproc = try ask(#{}, none, 0, 1000) catch exit:Reason -> Reason end,
    Ref = ask_arrived(),
    receive {'DOWN', Ref, process, _, noproc} -> ok end,
    % Nor is there a table.
    none = taken(make_ref()).

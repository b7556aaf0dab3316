-module(stanza_gate_nodes_tests).
-compile([export_all, nowarn_export_all]).

%% The state of a window that nobody has asked; nothing is on its way to other nodes.
state() ->
    _ = [ets:delete(Table) || Table <- [stanza_gate_afar, stanza_gate_nodes], ets:info(Table) =/= undefined],
    stanza_gate_afar:open(),
    #{asks => stanza_gate_nodes:open()}.

is_answered(Ref) -> receive {stanza_gate_looked, Ref} -> true after 0 -> false end.

a_node_answers_when_who_was_busy_has_been_seen_idle_test() ->
    State = state(),
    Busy = spawn(fun() -> receive finish -> ok end end),
    erlang:suspend_process(Busy),
    Ref = make_ref(),
    Waits = stanza_gate_nodes:answer(State#{asks := [{{self(), Ref}, [Busy], false}]}),
    #{asks := [_]} = Waits,
    false = is_answered(Ref),
    exit(Busy, kill),
    false = is_process_alive(Busy),
    #{asks := []} = stanza_gate_nodes:answer(Waits),
    true = is_answered(Ref).

a_node_that_is_asked_for_a_sign_gives_it_at_once_test() ->
    Ref = make_ref(),
    stanza_gate_nodes:heard({stanza_gate_sign, {self(), Ref}}, state()),
    true = is_answered(Ref).

a_question_is_open_until_it_is_answered_test() ->
    State = state(),
    Ref = make_ref(),
    ets:insert(stanza_gate_nodes, {Ref}),
    true = stanza_gate_quiet:is_pending(Ref),
    State = stanza_gate_nodes:heard({stanza_gate_looked, Ref}, State),
    false = stanza_gate_quiet:is_pending(Ref).

whoever_is_gone_is_waited_for_no_more_test() ->
    State = state(),
    [begin
        Ref = make_ref(),
        ets:insert(stanza_gate_nodes, {Ref}),
        State = stanza_gate_nodes:heard({'DOWN', Ref, process, {stanza_gate_window, 'b@x'}, Why}, State),
        false = stanza_gate_nodes:is_unanswered(Ref)
     end || Why <- [noconnection, noproc, killed]].

what_is_on_its_way_goes_back_however_the_loss_is_heard_of_test() ->
    [begin
        State = state(),
        true = register(stanza_gate_carrier, self()),
        ets:insert(stanza_gate_afar, {1, 'b@x', 3, 7, none}),
        State = stanza_gate_nodes:heard(News, State),
        receive {'$gen_cast', {give_up, Lost}} -> [{7, none}] = Lost end,
        unregister(stanza_gate_carrier)
     end || News <- [{nodedown, 'b@x'}, {'DOWN', make_ref(), process, {stanza_gate_window, 'b@x'}, noconnection}]],
    State = state(),
    ets:insert(stanza_gate_afar, {1, 'b@x', 3, 7, none}),
    % Its window alone is gone: the node has what was sent there.
    State = stanza_gate_nodes:heard({'DOWN', make_ref(), process, {stanza_gate_window, 'b@x'}, killed}, State),
    true = stanza_gate_afar:is_any().

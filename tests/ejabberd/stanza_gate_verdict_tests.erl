-module(stanza_gate_verdict_tests).
-compile([export_all, nowarn_export_all]).

-define(ERROR, {xmlel, <<"error">>, [], []}).
-define(STANZA, {xmlel, <<"message">>, [], []}).

outcome(Kind, Exception) -> stanza_gate_verdict:outcome(Kind, Exception, 7, <<"gate/9">>).

what_waits_for_its_verdict_is_told_it_test() ->
    {{reply, from, {carry_out, 7, <<"gate/9">>, none}}, wait} = outcome({held, from}, released),
    {{reply, from, {carry_out, 7, <<"gate/9">>, ?STANZA}}, wait} = outcome({held, from}, {amend, ?STANZA}),
    {{reply, from, {answer, ?ERROR}}, settle} = outcome({held, from}, {refuse, ?ERROR}),
    {{reply, from, {answer, ?ERROR}}, settle} = outcome({held, from}, {keep, ?ERROR}),
    {{reply, from, silent}, settle} = outcome({held, from}, {keep, none}).

what_is_not_understood_is_not_carried_out_test() ->
    [{{reply, from, {bounced, failed}}, bounce} = outcome({held, from}, Strange)
     || Strange <- [bounce, {amend, none}, strange]],
    [{nothing, bounce} = outcome({inject, ?STANZA}, Strange) || Strange <- [bounce, {amend, ?STANZA}, strange]].

what_the_gate_asked_for_has_nobody_who_is_told_test() ->
    {{carry_out, 7, ?STANZA, <<"gate/9">>}, wait} = outcome({canary, ?STANZA}, released),
    {nothing, settle} = outcome({inject, ?STANZA}, {refuse, ?ERROR}),
    {nothing, settle} = outcome({inject, ?STANZA}, {keep, none}).

what_is_only_recorded_needs_no_more_test() ->
    [{nothing, settle} = outcome(Kind, Any) || Kind <- [noted, made], Any <- [released, bounce, {refuse, ?ERROR}]].

filled() ->
    lists:foldl(fun(_, Queue) -> element(2, stanza_gate_queue:add(#{size => 1, until => never}, Queue)) end,
                stanza_gate_queue:new(10, 100), lists:seq(1, 3)).

a_verdict_counts_in_its_turn_alone_test() ->
    InTurn = fun(Epoch, Seq, Through, Queue) ->
        stanza_gate_verdict:is_in_turn(#{epoch => Epoch, seq => Seq, through => Through}, <<"e">>, Queue) end,
    true = InTurn(<<"e">>, 1, 3, filled()),
    true = InTurn(<<"e">>, 1, 1, filled()),
    false = InTurn(<<"e">>, 2, 3, filled()),
    false = InTurn(<<"e">>, 1, 4, filled()),
    false = InTurn(<<"other">>, 1, 3, filled()),
    % Said again, after the first is done.
    true = InTurn(<<"e">>, 1, 3, stanza_gate_queue:remove(1, filled())).

a_verdict_decides_what_is_left_of_it_test() ->
    Decided = fun(Through, Queue) -> stanza_gate_verdict:numbers(#{through => Through}, Queue) end,
    [1, 2] = Decided(2, filled()),
    [3] = Decided(3, stanza_gate_queue:remove(2, stanza_gate_queue:remove(1, filled()))),
    % Much was given back before it came.
    Empty = lists:foldl(fun stanza_gate_queue:remove/2, filled(), [1, 2, 3]),
    [] = Decided(3, Empty),
    [] = Decided(1, Empty).

a_receipt_names_the_record_test() ->
    <<"gate/104">> = stanza_gate_verdict:receipt(7, #{seq => 3, log => <<"gate">>, first => 100}).

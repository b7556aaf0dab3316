-module(stanza_gate_quarantine_tests).
-compile([export_all, nowarn_export_all]).

%% A window with so many submissions, as they are on the wire.
window(Count) ->
    lists:foldl(fun(Seq, Queue) -> element(2, stanza_gate_queue:add(entry(Seq), Queue)) end,
                stanza_gate_queue:new(9999, 9999), lists:seq(1, Count)).

entry(Seq) ->
    Head = #{host => <<"m.example">>, gate => <<"gate.m.example">>, epoch => <<"9f">>, way => <<"c2s">>, session => <<"c7">>},
    #{size => 0, until => 1, xml => stanza_gate_wire:held(Head, Seq, {xmlel, <<"message">>, [], []})}.

numbers(Entries) -> [Seq || {Seq, _} <- Entries].

without(Seqs, Queue) -> lists:foldl(fun stanza_gate_queue:remove/2, Queue, Seqs).

%% The stream ends; then the gate connects again. Gives the window, the numbers that go out, and what became of one.
again(Queue, Quarantine) ->
    {Queue1, What} = stanza_gate_quarantine:broken(Queue, Quarantine),
    {Entries, Quarantine1} = stanza_gate_quarantine:begin_again(Queue1, Quarantine),
    {Queue1, numbers(Entries), What, Quarantine1}.

a_first_gate_gets_all_at_once_test() ->
    {Entries, Quarantine} = stanza_gate_quarantine:begin_again(window(3), stanza_gate_quarantine:new()),
    [1, 2, 3] = numbers(Entries),
    false = stanza_gate_quarantine:is_careful(Quarantine).

after_a_break_twice_as_many_go_out_as_were_answered_and_then_the_rest_test() ->
    {Queue, [1], nothing, Quarantine} = again(window(8), stanza_gate_quarantine:new()),
    true = stanza_gate_quarantine:is_careful(Quarantine),
    {[], Quarantine} = stanza_gate_quarantine:go_on(Queue, Quarantine),
    % What comes meanwhile waits.
    {9, Queue1} = stanza_gate_queue:add(entry(9), Queue),
    {Two, Quarantine1} = stanza_gate_quarantine:go_on(without([1], Queue1), Quarantine),
    [2, 3] = numbers(Two),
    {[], Quarantine1} = stanza_gate_quarantine:go_on(without([1, 2], Queue1), Quarantine1),
    {Four, Quarantine2} = stanza_gate_quarantine:go_on(without([1, 2, 3], Queue1), Quarantine1),
    [4, 5, 6, 7] = numbers(Four),
    {Last, Quarantine3} = stanza_gate_quarantine:go_on(without(lists:seq(1, 7), Queue1), Quarantine2),
    [8, 9] = numbers(Last),
    true = stanza_gate_quarantine:is_careful(Quarantine3),
    {[], Quarantine4} = stanza_gate_quarantine:go_on(without(lists:seq(1, 9), Queue1), Quarantine3),
    false = stanza_gate_quarantine:is_careful(Quarantine4).

what_is_alone_at_its_second_break_is_quarantined_and_at_the_next_given_up_test() ->
    {Queue, [1], nothing, Quarantine} = again(window(2), stanza_gate_quarantine:new()),
    {Queue1, [1], {quarantined, 1}, Quarantine1} = again(Queue, Quarantine),
    #{quarantined := true, xml := {xmlel, _, _, [{xmlel, <<"held">>, _, [{xmlel, <<"quarantined">>, _, _}]}]}} =
        stanza_gate_queue:find(1, Queue1),
    {Queue2, {unrecorded, 1}} = stanza_gate_quarantine:broken(Queue1, Quarantine1),
    {Rest, _} = stanza_gate_quarantine:begin_again(without([1], Queue2), Quarantine1),
    [2] = numbers(Rest).

what_was_not_submitted_is_not_suspect_test() ->
    {Queue, [1], nothing, Quarantine} = again(window(3), stanza_gate_quarantine:new()),
    {Queue1, _} = stanza_gate_quarantine:broken(Queue, Quarantine),
    [2, 1, 1] = [Breaks || {_, #{breaks := Breaks}} <- stanza_gate_queue:entries(Queue1)].

after_an_answer_it_has_one_more_chance_test() ->
    {Queue, [1], nothing, Quarantine} = again(window(3), stanza_gate_quarantine:new()),
    % The first is answered, and the other two are there at the next break; then each is alone.
    {Two, Quarantine1} = stanza_gate_quarantine:go_on(without([1], Queue), stanza_gate_quarantine:answered(Quarantine)),
    [2, 3] = numbers(Two),
    {Queue2, [2], nothing, Quarantine2} = again(without([1], Queue), Quarantine1),
    {Last, Quarantine3} = stanza_gate_quarantine:go_on(without([2], Queue2), stanza_gate_quarantine:answered(Quarantine2)),
    [3] = numbers(Last),
    {Queue3, [3], {quarantined, 3}, _} = again(without([2], Queue2), Quarantine3),
    #{breaks := 3} = stanza_gate_queue:find(3, Queue3),
    % One that broke once is spared at the second break of a gate that has answered.
    One = element(2, stanza_gate_queue:add(entry(1), stanza_gate_queue:new(9, 9))),
    Answered = stanza_gate_quarantine:answered(stanza_gate_quarantine:new()),
    {Once, nothing} = stanza_gate_quarantine:broken(One, Answered),
    {Twice, nothing} = stanza_gate_quarantine:broken(Once, Answered),
    {_, {quarantined, 1}} = stanza_gate_quarantine:broken(Twice, Answered).

what_the_gate_names_twice_is_quarantined_and_nothing_else_is_suspect_test() ->
    Named = fun(Quarantine) -> stanza_gate_quarantine:named(2, Quarantine) end,
    {Queue, [1, 2, 3], nothing, Quarantine} = again(window(3), Named(stanza_gate_quarantine:new())),
    {Queue1, [1, 2, 3], {quarantined, 2}, Quarantine1} = again(Queue, Named(Quarantine)),
    [false, true, false] = [maps:get(quarantined, Entry, false) || {_, Entry} <- stanza_gate_queue:entries(Queue1)],
    % A name that is nobody's, or is answered, leaves all suspect.
    {_, [1], nothing, _} = again(Queue1, stanza_gate_quarantine:named(9, Quarantine1)).

-module(stanza_gate_holders_tests).
-compile([export_all, nowarn_export_all]).

%% A process that ends when it is told to, and the message of the monitor that says so.
watched(Seq, Holders) ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    {Pid, stanza_gate_holders:watch(Pid, Seq, Holders)}.

ended(Pid) ->
    Pid ! stop,
    receive {'DOWN', Monitor, process, Pid, _} -> Monitor end.

who_dies_had_its_submission_once_test() ->
    {Pid, Holders} = watched(7, stanza_gate_holders:new()),
    Monitor = ended(Pid),
    {7, Left} = stanza_gate_holders:gone(Monitor, Holders),
    none = stanza_gate_holders:gone(Monitor, Left),
    Left = stanza_gate_holders:new().

what_is_done_with_is_nobodys_test() ->
    {Pid, Holders} = watched(7, stanza_gate_holders:new()),
    Left = stanza_gate_holders:settled(7, Holders),
    Left = stanza_gate_holders:new(),
    Left = stanza_gate_holders:settled(7, Left),
    Other = erlang:monitor(process, Pid),
    Other = ended(Pid),
    none = stanza_gate_holders:gone(Other, Left).

who_took_it_over_has_it_test() ->
    {First, Holders} = watched(7, stanza_gate_holders:new()),
    {Second, Both} = watched(7, Holders),
    none = stanza_gate_holders:gone(ended(First), Both),
    {7, _} = stanza_gate_holders:gone(ended(Second), Both).

-module(stanza_gate_holders_tests).
-compile([export_all, nowarn_export_all]).

%% A process that ends when it is told to, and the message of the monitor that says so.
watched(Seq, Holders) ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    {Pid, stanza_gate_holders:watch(Pid, Seq, Holders)}.

ended(Pid) ->
    Pid ! stop,
    receive {'DOWN', _, process, Pid, _} -> Pid end.

who_dies_had_its_submissions_once_test() ->
    {Pid, One} = watched(7, stanza_gate_holders:new()),
    Two = stanza_gate_holders:watch(Pid, 9, One),
    % It is watched once for all of them.
    {monitored_by, [_]} = process_info(Pid, monitored_by),
    {[7, 9], Left} = stanza_gate_holders:gone(ended(Pid), Two),
    {[], Left} = stanza_gate_holders:gone(Pid, Left),
    Left = stanza_gate_holders:new().

what_is_done_with_is_nobodys_test() ->
    {Pid, Holders} = watched(7, stanza_gate_holders:new()),
    {[9], _} = stanza_gate_holders:gone(Pid, stanza_gate_holders:settled(7, stanza_gate_holders:watch(Pid, 9, Holders))),
    Left = stanza_gate_holders:settled(7, Holders),
    Left = stanza_gate_holders:new(),
    Left = stanza_gate_holders:settled(7, Left),
    {monitored_by, []} = process_info(Pid, monitored_by),
    {[], Left} = stanza_gate_holders:gone(Pid, Left).

who_took_it_over_has_it_test() ->
    {First, Holders} = watched(7, stanza_gate_holders:new()),
    {Second, Both} = watched(7, Holders),
    {[], Both} = stanza_gate_holders:gone(First, Both),
    {[7], _} = stanza_gate_holders:gone(ended(Second), Both).

-module(stanza_gate_quiet_tests).
-compile([export_all, nowarn_export_all]).

%% Look, while these processes are busy; there are three.
look(Busy, Quiet) ->
    stanza_gate_quiet:look(fun(Pid) -> lists:member(Pid, Busy) end, fun() -> [session, room, other] end, Quiet).

is_over(Ticket, Quiet) -> stanza_gate_quiet:ended(Quiet) >= Ticket.

where_nobody_is_busy_it_is_over_at_once_test() ->
    New = stanza_gate_quiet:new(),
    true = is_over(stanza_gate_quiet:ticket(New), look([], New)).

what_goes_from_a_session_by_a_room_to_another_is_waited_for_test() ->
    New = stanza_gate_quiet:new(),
    Ticket = stanza_gate_quiet:ticket(New),
    % Each is busy when the one before it has just become idle.
    First = look([session], New),
    Second = look([room], First),
    Third = look([other], Second),
    [false = is_over(Ticket, Seen) || Seen <- [First, Second, Third]],
    true = is_over(Ticket, look([], Third)).

a_session_that_stays_busy_is_waited_for_test() ->
    New = stanza_gate_quiet:new(),
    Ticket = stanza_gate_quiet:ticket(New),
    Waiting = lists:foldl(fun(_, Quiet) -> look([session], Quiet) end, New, lists:seq(1, 50)),
    false = is_over(Ticket, Waiting),
    true = is_over(Ticket, look([], Waiting)).

one_that_is_busy_later_is_nobodys_concern_test() ->
    Waiting = look([session], stanza_gate_quiet:new()),
    % The round that waits for the session ends, whoever else is busy by now.
    0 = stanza_gate_quiet:ended(Waiting),
    1 = stanza_gate_quiet:ended(look([room], Waiting)).

what_comes_later_has_a_later_ticket_test() ->
    Later = look([], look([], stanza_gate_quiet:new())),
    false = is_over(stanza_gate_quiet:ticket(Later), Later),
    true = is_over(stanza_gate_quiet:ticket(Later), look([], Later)).

%% A session goes over to another process (XEP-0198), and in order: what reached the old process after it had told the new one all
%% that waits, goes to the new one before that hears anything else. ejabberd would route it again when the old one ends, behind
%% what others have said meanwhile.
%%
%% So does one that begins under the name of one that has not ended (succeed/1): a client that was cut off has come back, and the
%% gate has not decided yet on its last words.

-module(stanza_gate_takeover).

-export([announce/1, announced/2, succeed/1, first/1, hand_over/1, take/1, take_late/2]).

-include("xmpp.hrl").

%% The new process tells the old one who it is, by the state that it has got from there. It is not in the server's table yet.
announce(#{sid := {_, Former}}) ->
    Former ! {stanza_gate_successor, self()},
    Former.

announced(Successor, State) ->
    State#{stanza_gate_successor => Successor}.

%% A session begins where older ones of its name have not ended. It waits for them: whoever sees it come has seen them go, and what
%% was on its way to them is before what comes now.
succeed(#{sid := Sid, user := User, server := Server, resource := Resource} = State) ->
    #{timeout_ms := TimeoutMs} = persistent_term:get({stanza_gate, options}),
    Until = erlang:monotonic_time(millisecond) + TimeoutMs,
    Older = lists:sort([Each || Each <- ejabberd_sm:get_session_sids(User, Server, Resource), Each < Sid]),
    Formers = [{Former, erlang:monitor(process, Former)} || {_, Former} <- Older],
    [Former ! {stanza_gate_successor, self()} || {Former, _} <- Formers],
    case lists:append([left_by(Former, Until) || Former <- Formers]) of
        [] -> State;
        Left -> self() ! stanza_gate_first, State#{stanza_gate_first => Left}
    end.

%% It hands over before it ends. What comes later than that may be out of order, and is not lost (take_late/2).
left_by({Former, Monitor}, Until) ->
    receive {'DOWN', Monitor, process, _, _} -> ok
    after max(0, Until - erlang:monotonic_time(millisecond)) -> erlang:demonitor(Monitor, [flush])
    end,
    receive {stanza_gate_late, Former, _, Unread} -> Unread
    after 0 -> []
    end.

%% The session can be written to now, and has heard nothing else yet.
first(#{stanza_gate_first := Left} = State) ->
    take_late({stanza_gate_late, self(), [], Left}, maps:remove(stanza_gate_first, State)).

%% The old process ends: what it was told to send after that, and what it has not looked at.
hand_over(#{mgmt_state := resumed, stanza_gate_successor := Successor, mgmt_queue := Queue} = State) ->
    Late = [Packet || {_, _, Packet} <- p1_queue:to_list(Queue)],
    Successor ! {stanza_gate_late, self(), Late, unread()},
    State#{mgmt_queue := p1_queue:clear(Queue)};
hand_over(State) ->
    receive {stanza_gate_successor, Successor} -> hand_over_unread(announced(Successor, State))
    after 0 -> hand_over_unread(State)
    end.

%% What is for this resource. The rest is routed when this process has left the table, to whoever is there then.
hand_over_unread(#{stanza_gate_successor := Successor} = State) ->
    {Here, Others} = lists:partition(fun({route, Packet}) -> (xmpp:get_to(Packet))#jid.lresource =/= <<>> end, unread()),
    Successor ! {stanza_gate_late, self(), [], Here},
    [self() ! Info || Info <- Others],
    State;
hand_over_unread(State) ->
    State.

unread() ->
    receive {route, _} = Info -> [Info | unread()]
    after 0 -> []
    end.

%% The new process has resumed the session and is in the table, or ends itself. It waits for the old one, which has nothing else
%% to do, as long as for the gate: what comes later than that (take_late/2) may be out of order, and is not lost.
take(#{stanza_gate_former := Former} = State) ->
    #{timeout_ms := TimeoutMs} = persistent_term:get({stanza_gate, options}),
    Monitor = erlang:monitor(process, Former),
    Taken = receive
        {stanza_gate_late, Former, _, _} = Handed -> take_late(Handed, State);
        {'DOWN', Monitor, process, _, _} -> maps:remove(stanza_gate_former, State)
    after TimeoutMs ->
        State
    end,
    erlang:demonitor(Monitor, [flush]),
    Taken;
take(State) ->
    State.

take_late({stanza_gate_late, _, Late, Unread}, #{lserver := Host} = State) ->
    Sent = lists:foldl(fun(Packet, Acc) -> ejabberd_c2s:send(Acc, Packet) end, maps:remove(stanza_gate_former, State), Late),
    lists:foldl(fun(Info, Acc) -> ejabberd_hooks:run_fold(c2s_handle_info, Host, Acc, [Info]) end, Sent, Unread).

%% What a client is told as handled (XEP-0198): it gives up its copy of that, so it is told when all of that has come to the end of
%% its way through the server (docs/gate-protocol.md, section 5.7), and nobody would lose it if the server were killed then.

-module(stanza_gate_counted).

-export([asked/2, arrived/2, tell_now/1, tell_everybody/1, tell_unasked/1]).

-include("xmpp.hrl").

%% A client asks how much is handled, and all is carried out that it said before. `none` where that is none of ours.
asked(#sm_r{} = Request, #{mgmt_state := active, mgmt_xmlns := Namespace, mgmt_stanzas_in := Count} = State) ->
    case xmpp:get_ns(Request) of
        Namespace -> wait(Count, State);
        _ -> none
    end;
asked(_, _) ->
    none.

wait(Count, #{stanza_gate_told := Count} = State) when not is_map_key(stanza_gate_counts, State) ->
    tell(Count, State);
wait(Count, State) ->
    Waiting = maps:get(stanza_gate_counts, State, []),
    State#{stanza_gate_counts => Waiting ++ [{stanza_gate_window:ask_arrived(), Count}]}.

%% What was carried out when the window was asked has arrived, or the window has died.
arrived(Ref, #{stanza_gate_counts := Waiting} = State) ->
    erlang:demonitor(Ref, [flush]),
    case lists:splitwith(fun({Each, _}) -> Each =/= Ref end, Waiting) of
        {_, []} -> State;
        {Before, [This | After]} -> tell_all(Before ++ [This], After, State)
    end;
arrived(_, State) ->
    State.

%% The client closes its stream: it is told what it asked for.
tell_now(#{stanza_gate_counts := Waiting} = State) -> tell_all(Waiting, [], State);
tell_now(State) -> State.

%% The server stops, and all is done that was held: each client is told, asked or not, or it would say again what went out. Its
%% server knows no count of a session any more when it is back.
tell_everybody(Hosts) ->
    [Pid ! stanza_gate_tell_count || Host <- Hosts, {User, _, Resource} <- ejabberd_sm:get_vh_session_list(Host),
                                     Pid <- [ejabberd_sm:get_session_pid(User, Host, Resource)], is_pid(Pid), node(Pid) =:= node()].

tell_unasked(#{mgmt_state := active, mgmt_stanzas_in := Count} = State) -> tell(Count, maps:remove(stanza_gate_counts, State));
tell_unasked(State) -> State.

tell_all(Ripe, Rest, State) ->
    Left = case Rest of [] -> maps:remove(stanza_gate_counts, State); _ -> State#{stanza_gate_counts := Rest} end,
    lists:foldl(fun({_, Count}, Acc) -> tell(Count, Acc) end, Left, Ripe).

%% Who is cut off is told when the session is resumed.
tell(Count, #{mgmt_state := active, mgmt_xmlns := Namespace} = State) ->
    ejabberd_c2s:send(State#{stanza_gate_told => Count}, #sm_a{xmlns = Namespace, h = Count});
tell(_, State) ->
    State.

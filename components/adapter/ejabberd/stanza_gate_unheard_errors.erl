%% Errors that a client which counts (XEP-0198) may not have got. While its session can be resumed, ejabberd keeps them for it. When
%% the session is not resumed in time, they are lost: then what came back with them does not count as handled, so that the client
%% says it again (docs/gate-protocol.md, section 5.7).

-module(stanza_gate_unheard_errors).

-export([note/1, take_back/1]).

%% What the session has just counted came back, reached nobody, and its error was said. Of what came back one after the other, the
%% state has, the newest first, which it was, and after how many stanzas to the client its error was said.
note(#{mgmt_state := Counting, mgmt_stanzas_in := In, mgmt_stanzas_out := Out} = State)
  when Counting =:= active; Counting =:= pending ->
    Before = case unheard(State) of
        [{Last, _} | _] = Unheard when Last + 1 =:= In -> Unheard;
        _ -> []
    end,
    State#{stanza_gate_unheard_errors => [{In, Out} | Before]};
note(State) ->
    State.

%% The session was not resumed in time. Only what came back last is taken back: nothing that was carried out is said again.
take_back(#{mgmt_state := timeout, mgmt_stanzas_in := In} = State) ->
    case unheard(State) of
        [{In, _} | _] = Unheard -> State#{mgmt_stanzas_in := In - length(Unheard)};
        _ -> State
    end;
take_back(State) ->
    State.

%% Those that the client has not said it has.
unheard(#{stanza_gate_unheard_errors := Noted, mgmt_stanzas_out := Out, mgmt_queue := Queue}) ->
    Confirmed = Out - p1_queue:len(Queue),
    lists:takewhile(fun({_, SaidAfter}) -> SaidAfter > Confirmed end, Noted);
unheard(_) ->
    [].

%% What a client has said and is not carried out yet: its session goes on while the gate decides, and does all of it in the
%% order in which it was said, each when it has its verdict (docs/ejabberd.md).
%%
%% It is part of the session's state, so it ends with the session: whatever ends a session, or takes it over, waits here first
%% (finish/1). Of what was said and is not done, nothing counts as handled (XEP-0198).

-module(stanza_gate_said).

-export([say/2, then/2, take/2, overdue/1, finish/1, finish_and_hear/1, when_finished/3]).

%% When a session has so much in the window, it reads nothing more (docs/gate-protocol.md, section 5.1).
-define(MOST_STANZAS, 256).
-define(MOST_BYTES, 65536).

%% A stanza is submitted, and carried out when its turn comes.
say(Packet, #{lserver := Host} = State) ->
    {Size, Asked} = stanza_gate_session:ask(<<"c2s">>, Host, State, Packet),
    within_limits(ready(watch(add(Packet, Size, Asked, State)))).

%% Something that is no stanza is done when all is done that was said before it.
then(Element, State) ->
    within_limits(ready(add(Element, 0, {done, element}, State))).

%% The window has answered, or has died: `none` where this is neither.
take({stanza_gate_answered, Refs}, State) ->
    lists:foldl(fun unless_waits/2, ready(State), Refs);
take({'DOWN', Ref, process, _, _}, #{stanza_gate_said := #{waits := Waits} = Said} = State) when is_map_key(Ref, Waits) ->
    ready(State#{stanza_gate_said := answered(maps:get(Ref, Waits), gone, Said)});
take({'DOWN', Ref, process, _, _}, #{stanza_gate_counts := _} = State) ->
    stanza_gate_counted:arrived(Ref, State);
take(_, _) ->
    none.

%% What was answered and is no stanza that waits for its turn.
unless_waits(Ref, #{stanza_gate_said := #{waits := Waits}} = State) when is_map_key(Ref, Waits) ->
    State;
unless_waits(Ref, State) ->
    % It may have been waited for, or given up.
    case stanza_gate_window:taken(Ref) of
        arrived -> stanza_gate_counted:arrived(Ref, State);
        {carry_out, Seq, _, _} -> stanza_gate_window:failed(Seq), State;
        _ -> State
    end.

%% The window has said nothing for longer than it may: what waits so long is given back.
overdue(State) ->
    watch(ready(give_up(now_ms(), maps:remove(stanza_gate_timer, State)))).

%% Wait until all is done that was said. The process does nothing else meanwhile.
finish(#{stanza_gate_said := _} = State) -> finish(ready(wait(State, false)));
finish(State) -> State.

%% The same, while the client still hears what others say to it.
finish_and_hear(#{stanza_gate_said := _} = State) -> finish_and_hear(ready(wait(State, true)));
finish_and_hear(State) -> State.

%% Another process wants the session, and gets it when all is done that was said: what its client says meanwhile is that, too.
when_finished(Call, From, #{stanza_gate_said := _} = State) -> {stop, State#{stanza_gate_wanted => {Call, From}}};
when_finished(_, _, State) -> State.

%% The queue: numbers of what was said, from `next`; each is {Element, Size, Asked or {done, Outcome}} ------------------------------------------------

add(Element, Size, Asked, State) ->
    #{last := Last, elements := Elements, waits := Waits, bytes := Bytes} = Said = maps:get(stanza_gate_said, State, new()),
    Waits1 = case Asked of {asked, Ref, _, _} -> Waits#{Ref => Last + 1}; _ -> Waits end,
    State#{stanza_gate_said => Said#{last := Last + 1, elements := Elements#{Last + 1 => {Element, Size, Asked}},
                                     waits := Waits1, bytes := Bytes + Size}}.

new() -> #{next => 1, last => 0, elements => #{}, waits => #{}, bytes => 0}.

answered(Number, Answer, #{elements := Elements, waits := Waits} = Said) ->
    {Packet, Size, {asked, Ref, _, _}} = maps:get(Number, Elements),
    erlang:demonitor(Ref, [flush]),
    Said#{elements := Elements#{Number := {Packet, Size, {done, stanza_gate_session:decided(Answer, Packet)}}},
          waits := maps:remove(Ref, Waits)}.

within_limits(#{stanza_gate_said := #{elements := Elements, bytes := Bytes}} = State)
  when map_size(Elements) >= ?MOST_STANZAS; Bytes >= ?MOST_BYTES ->
    within_limits(ready(wait(State, false)));
within_limits(State) ->
    State.

%% Wait for the oldest.
wait(#{lserver := Host, stanza_gate_said := #{next := Next, elements := Elements} = Said} = State, HearsOthers) ->
    case maps:get(Next, Elements) of
        {_, _, {asked, _, _, _} = Asked} ->
            case stanza_gate_window:await(Asked, HearsOthers) of
                {meanwhile, Info} ->
                    ejabberd_hooks:run_fold(c2s_handle_info, Host, State, [Info]);
                Answer ->
                    State#{stanza_gate_said := answered(Next, Answer, Said)}
            end;
        _ ->
            State
    end.

give_up(Now, #{stanza_gate_said := #{elements := Elements} = Said} = State) ->
    Late = [Number || {Number, {_, _, {asked, _, _, Until}}} <- maps:to_list(Elements), Until =< Now],
    State#{stanza_gate_said := lists:foldl(fun(Number, Acc) -> answered(Number, gone, Acc) end, Said, Late)};
give_up(_, State) ->
    State.

%% One timer for all that is said: it is set for the oldest, and not taken back.
watch(#{stanza_gate_timer := _} = State) ->
    State;
watch(#{stanza_gate_said := #{next := Next, elements := #{} = Elements}} = State) when is_map_key(Next, Elements) ->
    case maps:get(Next, Elements) of
        {_, _, {asked, _, _, Until}} ->
            State#{stanza_gate_timer => erlang:send_after(max(0, Until - now_ms()), self(), stanza_gate_overdue)};
        _ ->
            State
    end;
watch(State) ->
    State.

%% Carrying out ---------------------------------------------------------------------------------------------------------------------

%% Carry out what is next, as long as it has its outcome.
ready(#{stanza_gate_said := #{next := Next, last := Last}} = State) when Next > Last ->
    given_over(maps:remove(stanza_gate_said, State));
ready(#{stanza_gate_said := #{next := Next, elements := Elements, bytes := Bytes} = Said} = State) ->
    case maps:take(Next, Elements) of
        {{Element, Size, {done, Outcome}}, Rest} ->
            Left = State#{stanza_gate_said := Said#{next := Next + 1, elements := Rest, bytes := Bytes - Size}},
            ready(carry_out(Element, Outcome, Left));
        {{_, _, {asked, Ref, _, _}}, _} ->
            case stanza_gate_window:taken(Ref) of
                none -> State;
                Answer -> ready(State#{stanza_gate_said := answered(Next, Answer, Said)})
            end
    end;
ready(State) ->
    State.

given_over(#{lserver := Host, stanza_gate_wanted := {Call, From}} = State) ->
    ejabberd_hooks:run_fold(c2s_handle_call, Host, maps:remove(stanza_gate_wanted, State), [Call, From]);
given_over(State) ->
    State.

%% By the server's own way, which begins with our hooks: they find the outcome in the state. Stream management counts behind them.
carry_out(Element, element, State) ->
    case stanza_gate_counted:asked(Element, State) of
        none -> handle(Element, State#{stanza_gate_outcome => element}, none);
        Asked -> Asked
    end;
carry_out(Packet, Outcome, State) ->
    Seq = case Outcome of {go_on, _, Number} -> Number; _ -> none end,
    handle(stanza_gate_guard:decided(Packet), State#{stanza_gate_outcome => Outcome}, Seq).

handle(Packet, State, Seq) ->
    try ejabberd_c2s:handle_authenticated_packet(Packet, State) of
        After ->
            stanza_gate_written:set_by(Packet),
            % An outcome that is still there was not acted on.
            tell(Seq, maps:is_key(stanza_gate_outcome, After)),
            maps:remove(stanza_gate_outcome, After)
    catch Class:Reason ->
        logger:error("stanza_gate: a stanza could not be carried out: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)]),
        tell(Seq, true),
        ejabberd_c2s:stop_async(self()),
        maps:remove(stanza_gate_outcome, State)
    end.

tell(none, _) -> ok;
tell(Seq, true) -> stanza_gate_window:failed(Seq);
tell(Seq, false) -> stanza_gate_window:done(Seq).

now_ms() -> erlang:monotonic_time(millisecond).

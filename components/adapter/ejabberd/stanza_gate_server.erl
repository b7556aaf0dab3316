%% The one process that numbers what is held, submits it to the gate and hands out the gate's verdicts
%% (docs/gate-protocol.md, sections 4 and 5). Others reach it by stanza_gate_window, under whose name it is registered.
%%
%% It outlives sessions, and the module: nothing that reloads mod_stanza_gate ends it. When it crashes, whoever waits for a
%% verdict gives the stanza back to its sender, and the next one begins another epoch with an empty window.
%%
%% The gate's stream is ejabberd_service's process.

-module(stanza_gate_server).
-behaviour(gen_server).

-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TICK_MS, 250).

init(#{window_stanzas := MaxStanzas, window_bytes := MaxBytes, timeout_ms := TimeoutMs} = Options) ->
    TickMs = min(?TICK_MS, max(10, TimeoutMs div 8)),
    {ok, _} = timer:send_interval(TickMs, tick),
    stanza_gate_window:open(),
    stanza_gate_afar:open(),
    persistent_term:put({stanza_gate, borders}, stanza_gate_borders:new()),
    % A gate that connected before knows nothing of this epoch: it connects again.
    [xmpp_stream_in:send(Pid, xmpp:serr_connection_timeout()) || Pid <- stanza_gate_hosts:streams_of(maps:get(gate, Options))],
    Epoch = string:lowercase(binary:encode_hex(crypto:strong_rand_bytes(8))),
    {ok, #{options => Options, epoch => Epoch, queue => stanza_gate_queue:new(MaxStanzas, MaxBytes),
           holders => stanza_gate_holders:new(), link => none, silence => stanza_gate_silence:new(now_ms(), TimeoutMs),
           borders => stanza_gate_borders:new(), status => stanza_gate_status:new(), quiet => stanza_gate_quiet:new(),
           arrivals => stanza_gate_arrivals:new(), looks => false, asks => stanza_gate_nodes:open(),
           quarantine => stanza_gate_quarantine:new(), stopping => none}}.

handle_call({stop, WithinMs}, From, State) ->
    {noreply, stop_if_settled(now_ms(), State#{stopping := {From, now_ms() + WithinMs}})};
handle_call({opened, Head, Event}, _, #{queue := Queue} = State) ->
    case stanza_gate_queue:is_full_of_patient(Queue) of
        true -> {reply, full, State};
        false -> {reply, ok, submit(Head, Event, 0, noted, State)}
    end.

handle_cast({hold, {Pid, _} = From, Head, Stanza, Size}, #{queue := Queue, stopping := Stopping} = State) ->
    case {is_silent(State) orelse Stopping =/= none, stanza_gate_queue:is_full(Size, Queue)} of
        {true, _} ->
            stanza_gate_window:answer(From, {bounced, interrupted}),
            {noreply, turn_away(State)};
        {false, true} ->
            stanza_gate_window:answer(From, {bounced, overloaded}),
            {noreply, turn_away(State)};
        {false, false} ->
            {noreply, watch(Pid, submit(Head, Stanza, Size, {held, From}, State))}
    end;
handle_cast({note, Head, Event}, State) ->
    {noreply, submit(Head, Event, 0, noted, State)};
handle_cast({note_made, Head, Stanza}, State) ->
    {noreply, submit(Head, Stanza, 0, made, State)};
handle_cast({arrived, From}, State) -> {noreply, stanza_gate_ripe:awaited(now_ms(), From, State)};
handle_cast({done, Seq}, State) -> {noreply, settle(Seq, State)};
handle_cast({failed, Seq}, State) -> {noreply, bounced(Seq, State)};
handle_cast({refused, Seq}, State) -> {noreply, refused(Seq, State)};
handle_cast({carrying, Seq, Pid}, State) -> {noreply, watch(Pid, Seq, State)};
handle_cast(turned_away, State) -> {noreply, turn_away(State)};
handle_cast({gate_connected, Pid}, State) -> {noreply, connected(Pid, State)};
handle_cast({from_gate, Pid, Children}, #{link := {Pid, _, _, _}} = State) ->
    {noreply, take(stanza_gate_wire:read(Children), State)};
handle_cast({from_gate, _, _}, State) ->
    {noreply, State}.

handle_info(tick, State) ->
    {noreply, tick(State)};
handle_info(look, State) ->
    {noreply, stanza_gate_ripe:look(now_ms(), State)};
handle_info({'DOWN', Monitor, process, _, _}, #{link := {_, Monitor, _, _}} = State) ->
    logger:error("stanza_gate: the gate is disconnected: stanzas are held until their time is over"),
    {noreply, disconnected(State)};
handle_info({'DOWN', _, process, Pid, _}, #{holders := Holders} = State) when is_pid(Pid) ->
    stanza_gate_window:gone(Pid),
    {Numbers, Rest} = stanza_gate_holders:gone(Pid, Holders),
    {noreply, lists:foldl(fun holder_gone/2, State#{holders := Rest}, Numbers)};
handle_info(Info, State) ->
    {noreply, stanza_gate_ripe:heard(Info, State)}.

%% The gate's stream --------------------------------------------------------------------------------------------------

connected(Pid, #{link := none} = State) ->
    again(fun stanza_gate_quarantine:begin_again/2, send_status(State#{link := stanza_gate_link:open(Pid, now_ms())}));
connected(Pid, #{link := {First, Monitor, _, _}} = State) ->
    case is_process_alive(First) of
        true ->
            stanza_gate_link:turn_away(Pid),
            State;
        false ->
            erlang:demonitor(Monitor, [flush]),
            connected(Pid, disconnected(State))
    end.

%% What was submitted and has no verdict may be what has ended the gate's stream.
disconnected(#{queue := Queue, quarantine := Quarantine} = State) ->
    {Queue1, What} = stanza_gate_quarantine:broken(Queue, Quarantine),
    put_away(What, fall_silent(now_ms(), State#{link := none, queue := Queue1})).

put_away({unrecorded, Seq}, #{queue := Queue, status := Status} = State) ->
    logger:error("stanza_gate: submission ~p ended the gate's stream in quarantine as well: it cannot be recorded", [Seq]),
    answer(stanza_gate_queue:find(Seq, Queue), unwritable),
    settle(Seq, State#{queue := stanza_gate_queue:remove(Seq, Queue), status := stanza_gate_status:add_unrecorded(Seq, Status)});
put_away({quarantined, Seq}, State) ->
    logger:error("stanza_gate: submission ~p has ended the gate's stream twice: it goes into quarantine", [Seq]),
    State;
put_away(nothing, State) ->
    State.

%% Submit again what is its turn now.
again(Turn, #{queue := Queue, quarantine := Quarantine} = State) ->
    {Entries, Quarantine1} = Turn(Queue, Quarantine),
    lists:foreach(fun({_, #{xml := Xml}}) -> send(Xml, State) end, Entries),
    State#{quarantine := Quarantine1}.

go_on(#{link := none} = State) -> State;
go_on(State) -> again(fun stanza_gate_quarantine:go_on/2, State).

%% Submitting ---------------------------------------------------------------------------------------------------------

submit(Head, Content, Size, Kind, #{queue := Queue, options := Options, epoch := Epoch, quarantine := Quarantine} = State) ->
    #{gate := Gate, timeout_ms := TimeoutMs} = Options,
    Seq = stanza_gate_queue:next(Queue),
    FullHead = Head#{gate => Gate, epoch => Epoch},
    {Xml, Until} = case Kind of
        noted -> {stanza_gate_wire:event(FullHead, Seq, Content), never};
        made -> {stanza_gate_wire:held(FullHead, Seq, Content), never};
        _ -> {stanza_gate_wire:held(FullHead, Seq, Content), now_ms() + TimeoutMs}
    end,
    {Seq, Queue1} = stanza_gate_queue:add(#{xml => Xml, size => Size, until => Until, kind => Kind}, Queue),
    _ = [send(Xml, State) || not stanza_gate_quarantine:is_careful(Quarantine)],
    State#{queue := Queue1}.

%% Whoever holds the newest entry may die before its verdict, or while it carries it out.
watch(Pid, #{queue := Queue} = State) ->
    watch(Pid, stanza_gate_queue:next(Queue) - 1, State).

watch(Pid, Seq, #{holders := Holders} = State) ->
    State#{holders := stanza_gate_holders:watch(Pid, Seq, Holders)}.

holder_gone(Seq, #{queue := Queue} = State) ->
    bounced(Seq, State#{queue := stanza_gate_queue:remove(Seq, Queue)}).

send(Xml, #{link := Link}) -> stanza_gate_link:send(Xml, Link).

%% What the gate says -------------------------------------------------------------------------------------------------

take({verdict, Verdict}, State) ->
    take_verdict(Verdict, State);
take({noted, Number}, #{status := Status} = State) ->
    end_silence(State#{status := stanza_gate_status:forget(Number, Status)});
take({unread, Seq}, #{quarantine := Quarantine} = State) ->
    State#{quarantine := stanza_gate_quarantine:named(Seq, Quarantine)};
take({borders, Element}, #{borders := Borders} = State) ->
    Borders1 = stanza_gate_borders:take(Element, Borders),
    _ = [stanza_gate_hosts:keep_borders(Borders1, Borders) || Borders1 =/= Borders],
    State#{borders := Borders1};
take({canary, Id}, State) ->
    hold_own(canary, stanza_gate_carrier:canary(gate(State), Id), #{way => <<"canary">>}, State);
take({inject, Id, Stanza}, State) ->
    hold_own(inject, Stanza, #{way => <<"gate">>, inject => Id}, State);
take(unknown, State) ->
    logger:warning("stanza_gate: the gate sent something that the adapter does not know"), State.

%% What the gate asked for is held like everything else, and nobody is told when it is not.
hold_own(Kind, Stanza, Head, #{queue := Queue} = State) ->
    Size = iolist_size(fxml:element_to_binary(Stanza)),
    case is_silent(State) orelse stanza_gate_queue:is_full(Size, Queue) of
        true -> turn_away(State);
        false -> submit(Head#{host => stanza_gate_hosts:own(), session => <<"gate">>}, Stanza, Size, {Kind, Stanza}, State)
    end.

take_verdict(#{through := Through} = Verdict, #{epoch := Epoch, queue := Queue, quarantine := Quarantine} = State) ->
    case stanza_gate_verdict:is_in_turn(Verdict, Epoch, Queue) of
        true ->
            Numbers = stanza_gate_verdict:numbers(Verdict, Queue),
            Answered = end_silence(State#{quarantine := stanza_gate_quarantine:answered(Quarantine)}),
            {Answers, Decided} = lists:mapfoldl(fun(Seq, Acc) -> decide(Seq, Verdict, Acc) end, Answered, Numbers),
            stanza_gate_window:answer_all(lists:append(Answers)),
            go_on(Decided);
        false ->
            logger:error("stanza_gate: a verdict out of turn, or of another epoch, up to ~p", [Through]),
            State
    end.

decide(Seq, #{exceptions := Exceptions} = Verdict, #{queue := Queue} = State) ->
    case stanza_gate_queue:find(Seq, Queue) of
        none ->
            {[], State};
        #{kind := Kind} ->
            Receipt = stanza_gate_verdict:receipt(Seq, Verdict),
            {Effect, Then} = stanza_gate_verdict:outcome(Kind, maps:get(Seq, Exceptions, released), Seq, Receipt),
            {perform(Effect, State), follow(Then, Seq, State#{queue := stanza_gate_queue:remove(Seq, Queue)})}
    end.

%% Gives the answers to whoever waits.
perform(nothing, _) -> [];
perform({reply, From, Answer}, _) -> [{From, Answer}];
perform({carry_out, Seq, Stanza, Receipt}, State) -> stanza_gate_carrier:carry_out(Seq, Stanza, Receipt, gate(State)), [].

follow(settle, Seq, State) -> settle(Seq, State);
follow(bounce, Seq, State) -> bounced(Seq, State);
follow(wait, _, State) -> State.

%% Settling -----------------------------------------------------------------------------------------------------------

settle(Seq, #{queue := Queue, holders := Holders} = State) ->
    State#{queue := stanza_gate_queue:settle(Seq, Queue), holders := stanza_gate_holders:settled(Seq, Holders)}.

bounced(Seq, #{status := Status} = State) ->
    settle(Seq, State#{status := stanza_gate_status:add_bounced(Seq, Status)}).

%% A server that stops gives back what waited in sessions, and says so before the gate's stream ends.
refused(Seq, #{status := Status, stopping := Stopping, link := Link} = State) ->
    Added = State#{status := stanza_gate_status:add_refused(Seq, Status)},
    case Stopping =:= stopped andalso Link =/= none of true -> send_status(Added); false -> Added end.

turn_away(#{status := Status} = State) ->
    State#{status := stanza_gate_status:add_turned_away(Status)}.

%% Time ---------------------------------------------------------------------------------------------------------------

tick(#{queue := Queue} = State) ->
    Now = now_ms(),
    stanza_gate_window:forget_gone(),
    State1 = go_on(lists:foldl(fun expire/2, State, stanza_gate_queue:overdue(Now, Queue))),
    State2 = stanza_gate_ripe:ripen(Now, State1),
    case is_stuck(Now, State2) of
        true -> State2#{link := stanza_gate_link:close(maps:get(link, State2))};
        false -> stop_if_settled(Now, send_status_if_due(State2))
    end.

expire({Seq, #{until := Until} = Entry}, #{queue := Queue, options := #{timeout_ms := TimeoutMs}} = State) ->
    answer(Entry, interrupted),
    bounced(Seq, fall_silent(Until - TimeoutMs, State#{queue := stanza_gate_queue:remove(Seq, Queue)})).

%% Whoever waits for this entry is told why nothing comes of it.
answer(#{kind := {held, From}}, Reason) -> stanza_gate_window:answer(From, {bounced, Reason});
answer(_, _) -> ok.

%% Stopping: all that was held is done with, and has come where it belongs; or time is over, and it is given back.
stop_if_settled(Now, #{stopping := {From, Until}, queue := Queue, status := Status} = State) ->
    case stanza_gate_status:is_done(stanza_gate_queue:next(Queue) - 1, Status) orelse Now >= Until of
        true ->
            Given = lists:foldl(fun expire/2, State, stanza_gate_queue:limited(Queue)),
            _ = [send_status(Given) || maps:get(link, Given) =/= none],
            gen_server:reply(From, ok),
            Given#{stopping := stopped};
        false ->
            State
    end;
stop_if_settled(_, State) ->
    State.

send_status_if_due(#{status := Status, link := Link, quarantine := Quarantine} = State) ->
    case Link =/= none andalso not stanza_gate_quarantine:is_careful(Quarantine) andalso stanza_gate_status:is_due(stanza_gate_hosts:unheld(), Status) of
        true -> send_status(State);
        false -> State
    end.

send_status(#{status := Status, queue := Queue, epoch := Epoch} = State) ->
    {Told, Status1} = stanza_gate_status:tell(Queue, stanza_gate_hosts:unheld(), Status),
    send(stanza_gate_wire:status(#{host => stanza_gate_hosts:own(), gate => gate(State), epoch => Epoch}, Told), State),
    State#{status := Status1}.

is_silent(#{silence := Silence}) -> stanza_gate_silence:is_silent(now_ms(), Silence).

fall_silent(Since, #{silence := Silence} = State) -> State#{silence := stanza_gate_silence:begin_at(Since, Silence)}.

end_silence(#{silence := Silence} = State) -> State#{silence := stanza_gate_silence:finish(Silence)}.

is_stuck(_, #{link := none}) -> false;
is_stuck(Now, #{link := {_, _, ConnectedAt, _}, silence := Silence}) ->
    stanza_gate_silence:is_stuck(Now, ConnectedAt, Silence).

gate(#{options := #{gate := Gate}}) -> Gate.

now_ms() -> erlang:monotonic_time(millisecond).

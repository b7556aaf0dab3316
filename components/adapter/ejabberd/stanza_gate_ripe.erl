%% What the window's process does about what is carried out and still on its way: `done` of a status, and whoever asked to be told.
%% It works on that process's state, of which it owns `status`, `quiet`, `arrivals` and `looks` here.

-module(stanza_gate_ripe).

-export([ripen/2, awaited/3, look/2, heard/2]).

%% So often it is looked at as long as a client waits for its count, or another node was sent something: what is not confirmed when
%% that node is lost goes back, whether it has arrived or not.
-define(LOOK_MS, 50).
%% How far `done` may be behind the timeout, where no setting says so.
-define(LAG_MS, 2000).

%% What a session has carried out may still wait in the mailbox of another. So `done` follows behind, and what clients are told.
ripen(Now, #{status := Status, queue := Queue, quiet := Quiet, arrivals := Arrivals} = State) ->
    IsAsked = stanza_gate_arrivals:are_awaited(Arrivals) orelse stanza_gate_afar:is_any(),
    {Status1, Quiet1} = stanza_gate_quiet:ripen(Now, lag_ms(State), stanza_gate_queue:done(Queue), IsAsked, Status, Quiet),
    {Arrived, Left} = stanza_gate_arrivals:arrived(Now, stanza_gate_quiet:ended(Quiet1), Arrivals),
    [stanza_gate_window:answer(From, arrived) || From <- Arrived],
    stanza_gate_afar:seen(Now, Quiet1, nodes()),
    State#{status := Status1, quiet := Quiet1, arrivals := Left}.

lag_ms(#{options := #{timeout_ms := TimeoutMs} = Options}) -> maps:get(done_lag_ms, Options, TimeoutMs + ?LAG_MS).

%% Whoever asks waits for some looks, which are made sooner for that.
awaited(Now, From, #{quiet := Quiet, arrivals := Arrivals} = State) ->
    Until = Now + lag_ms(State),
    look_again(State#{arrivals := stanza_gate_arrivals:add(From, {stanza_gate_quiet:ticket(Quiet), Until}, Arrivals)}).

look(Now, State) ->
    look_again(stanza_gate_nodes:answer(ripen(Now, State#{looks := false}))).

%% Something came from another node, or about one.
heard(Info, State) -> look_again(stanza_gate_nodes:heard(Info, State)).

look_again(#{looks := false, arrivals := Arrivals, asks := Asks} = State) ->
    case Asks =/= [] orelse stanza_gate_arrivals:are_awaited(Arrivals) orelse stanza_gate_afar:is_any() of
        true -> erlang:send_after(?LOOK_MS, self(), look), State#{looks := true};
        false -> State
    end;
look_again(State) ->
    State.

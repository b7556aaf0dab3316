%% Which process has which submission in its hands: it waits for the verdict, or carries out what was released. When it dies
%% before that is done, nobody else does it.

-module(stanza_gate_holders).

-export([new/0, watch/3, gone/2, settled/2]).

new() -> #{numbers => #{}, monitors => #{}}.

%% This process has this submission.
watch(Pid, Seq, #{numbers := Numbers, monitors := Monitors} = Holders) ->
    Monitor = erlang:monitor(process, Pid),
    Holders#{numbers := Numbers#{Monitor => Seq}, monitors := Monitors#{Seq => Monitor}}.

%% A process has died: which submission it had, if it still had one and nobody else has it since.
gone(Monitor, #{numbers := Numbers, monitors := Monitors} = Holders) ->
    case maps:take(Monitor, Numbers) of
        {Seq, Rest} when map_get(Seq, Monitors) =:= Monitor ->
            {Seq, Holders#{numbers := Rest, monitors := maps:remove(Seq, Monitors)}};
        _ ->
            none
    end.

%% Nothing is left to do for this number.
settled(Seq, #{numbers := Numbers, monitors := Monitors} = Holders) ->
    case maps:take(Seq, Monitors) of
        {Monitor, Rest} ->
            erlang:demonitor(Monitor, [flush]),
            Holders#{numbers := maps:remove(Monitor, Numbers), monitors := Rest};
        error ->
            Holders
    end.

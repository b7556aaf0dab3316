%% Which process has which submission in its hands: it waits for the verdict, or carries out what was released. When it dies
%% before that is done, nobody else does it.

-module(stanza_gate_holders).

-export([new/0, watch/3, gone/2, settled/2]).

%% `held` has of each process the monitor and its submissions, `holders` the process of each submission.
new() -> #{held => #{}, holders => #{}}.

%% This process has this submission, and nobody else any more.
watch(Pid, Seq, Holders) ->
    #{held := Held, holders := Before} = Others = settled(Seq, Holders),
    {Monitor, Numbers} = case Held of
        #{Pid := Found} -> Found;
        _ -> {erlang:monitor(process, Pid), #{}}
    end,
    Others#{held := Held#{Pid => {Monitor, Numbers#{Seq => true}}}, holders := Before#{Seq => Pid}}.

%% A process has died: which submissions it still had.
gone(Pid, #{held := Held, holders := Holders} = All) ->
    case maps:take(Pid, Held) of
        {{_, Numbers}, Rest} ->
            {maps:keys(Numbers), All#{held := Rest, holders := maps:without(maps:keys(Numbers), Holders)}};
        error ->
            {[], All}
    end.

%% Nothing is left to do for this number.
settled(Seq, #{held := Held, holders := Holders} = All) ->
    case maps:take(Seq, Holders) of
        {Pid, Rest} -> All#{held := without(Pid, Seq, Held), holders := Rest};
        error -> All
    end.

without(Pid, Seq, Held) ->
    {Monitor, Numbers} = maps:get(Pid, Held),
    case maps:remove(Seq, Numbers) of
        Left when map_size(Left) =:= 0 -> erlang:demonitor(Monitor, [flush]), maps:remove(Pid, Held);
        Left -> Held#{Pid := {Monitor, Left}}
    end.

%% What the next status says (docs/gate-protocol.md, section 4.3). Pure: no process, no clock.
%%
%% Owns what was bounced until the gate has noted it, the count of what was turned away, and how far `done` has ripened.

-module(stanza_gate_status).

-export([new/0, add_bounced/2, add_turned_away/1, ripen/4, is_due/2, tell/3, forget/2]).

new() ->
    #{number => 0, bounced => [], turned_away => 0, ripe => 0, ripening => [], told_done => 0, told_unheld => []}.

%% This number was not and will not be carried out.
add_bounced(Seq, #{bounced := Bounced} = Status) ->
    Status#{bounced := Bounced ++ [{Seq, none}]}.

add_turned_away(#{turned_away := Count} = Status) ->
    Status#{turned_away := Count + 1}.

%% What was settled up to some number counts as done when the lag is over.
ripen(Now, LagMs, Done, #{ripening := Ripening, ripe := Ripe} = Status) ->
    Newest = case Ripening of [] -> Ripe; _ -> element(2, lists:last(Ripening)) end,
    Grown = Ripening ++ [{Now, Done} || Done > Newest],
    {Old, Young} = lists:splitwith(fun({At, _}) -> At + LagMs =< Now end, Grown),
    Status#{ripe := lists:max([Ripe | [Through || {_, Through} <- Old]]), ripening := Young}.

%% Whether there is anything new to tell.
is_due(Unheld, #{bounced := Bounced, turned_away := TurnedAway, ripe := Ripe, told_done := Told, told_unheld := ToldUnheld}) ->
    Ripe =/= Told orelse TurnedAway > 0 orelse Unheld =/= ToldUnheld orelse lists:keymember(none, 2, Bounced).

%% The next status as stanza_gate_wire writes it, and what is left to tell after it.
tell(Queue, Unheld, #{number := Last, bounced := Bounced, turned_away := TurnedAway, ripe := Ripe} = Status) ->
    Number = Last + 1,
    Named = [{Seq, case Since of none -> Number; _ -> Since end} || {Seq, Since} <- Bounced],
    Told = #{n => Number, first => stanza_gate_queue:first(Queue), next => stanza_gate_queue:next(Queue), done => Ripe,
             turned_away => TurnedAway, bounced => [{Seq, false} || {Seq, _} <- Named], unheld => Unheld},
    {Told, Status#{number := Number, bounced := Named, turned_away := 0, told_done := Ripe, told_unheld := Unheld}}.

%% The gate has noted the status with this number: what it named is not named again.
forget(Number, #{bounced := Bounced} = Status) ->
    Status#{bounced := [Each || {_, Since} = Each <- Bounced, Since =:= none orelse Since > Number]}.

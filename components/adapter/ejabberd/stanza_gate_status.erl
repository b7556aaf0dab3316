%% What the next status says (docs/gate-protocol.md, section 4.3). Pure: no process, no clock.
%%
%% Owns what was bounced until the gate has noted it, the count of what was turned away, and how far `done` has ripened.

-module(stanza_gate_status).

-export([new/0, add_bounced/2, add_unrecorded/2, add_refused/2, add_turned_away/1, ripen/3, is_ripening/2, is_done/2, is_due/2, tell/3, forget/2]).

new() ->
    #{number => 0, bounced => [], turned_away => 0, ripe => 0, ripening => [], told_done => 0, told_unheld => []}.

%% This number was not and will not be carried out.
add_bounced(Seq, #{bounced := Bounced} = Status) ->
    Status#{bounced := Bounced ++ [{Seq, failed, none}]}.

%% Nor will this one be, of which there is no record either.
add_unrecorded(Seq, #{bounced := Bounced} = Status) ->
    Status#{bounced := Bounced ++ [{Seq, unrecorded, none}]}.

%% This number was carried out, and the server itself answered it with an error.
add_refused(Seq, #{bounced := Bounced} = Status) ->
    case lists:keymember(Seq, 1, Bounced) of
        true -> Status;
        false -> Status#{bounced := Bounced ++ [{Seq, refused, none}]}
    end.

add_turned_away(#{turned_away := Count} = Status) ->
    Status#{turned_away := Count + 1}.

%% What was settled up to some number counts as done when it is at the end of its way (stanza_gate_quiet), by the ticket
%% that it has got, or at the latest when the lag is over.
ripen(#{now := Now, lag_ms := LagMs, ticket := Ticket, ended := Ended}, Done, #{ripening := Ripening, ripe := Ripe} = Status) ->
    Grown = Ripening ++ [{Now + LagMs, Ticket, Done} || Done > newest(Status)],
    {Old, Young} = lists:splitwith(fun({Latest, Wanted, _}) -> Latest =< Now orelse Wanted =< Ended end, Grown),
    Status#{ripe := lists:max([Ripe | [Through || {_, _, Through} <- Old]]), ripening := Young}.

%% Whether anything is settled that does not count as done yet.
is_ripening(Done, #{ripe := Ripe}) -> Done > Ripe.

%% Whether everything up to here counts as done.
is_done(Seq, #{ripe := Ripe}) -> Ripe >= Seq.

newest(#{ripening := [], ripe := Ripe}) -> Ripe;
newest(#{ripening := Ripening}) -> element(3, lists:last(Ripening)).

%% Whether there is anything new to tell.
is_due(Unheld, #{bounced := Bounced, turned_away := TurnedAway, ripe := Ripe, told_done := Told, told_unheld := ToldUnheld}) ->
    Ripe =/= Told orelse TurnedAway > 0 orelse Unheld =/= ToldUnheld
        orelse lists:any(fun({_, _, Since} = Each) -> Since =:= none andalso is_sure(Each, Ripe) end, Bounced).

%% What the server refused is named when it is done with: until then it may still be on its way to others.
is_sure({Seq, Why, _}, Ripe) -> Why =/= refused orelse Seq =< Ripe.

%% The next status as stanza_gate_wire writes it, and what is left to tell after it.
tell(Queue, Unheld, #{number := Last, bounced := All, turned_away := TurnedAway, ripe := Ripe} = Status) ->
    Number = Last + 1,
    Bounced = [name(Each, Number, Ripe) || Each <- All],
    Told = #{n => Number, first => stanza_gate_queue:first(Queue), next => stanza_gate_queue:next(Queue), done => Ripe,
             turned_away => TurnedAway, unheld => Unheld,
             bounced => [{Seq, Why} || {Seq, Why, Since} <- Bounced, Since =/= none]},
    {Told, Status#{number := Number, bounced := Bounced, turned_away := 0, told_done := Ripe, told_unheld := Unheld}}.

name({Seq, Why, none} = Each, Number, Ripe) ->
    case is_sure(Each, Ripe) of true -> {Seq, Why, Number}; false -> Each end;
name(Each, _, _) ->
    Each.

%% The gate has noted the status with this number: what it named is not named again.
forget(Number, #{bounced := Bounced} = Status) ->
    Status#{bounced := [Each || {_, _, Since} = Each <- Bounced, Since =:= none orelse Since > Number]}.

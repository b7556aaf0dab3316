%% Who waits until what is carried out now has come to the end of its way through the server (stanza_gate_quiet). Pure: times are
%% given, in milliseconds.

-module(stanza_gate_arrivals).

-export([new/0, add/3, arrived/3, are_awaited/1]).

new() -> [].

%% Somebody waits from now on: for the rounds until this ticket, and never longer than until then.
add(From, {Ticket, LatestMs}, Arrivals) ->
    Arrivals ++ [{Ticket, LatestMs, From}].

%% For whom it has arrived now that so many rounds are over, and who still waits.
arrived(NowMs, Ended, Arrivals) ->
    {Ripe, Left} = lists:splitwith(fun({Ticket, LatestMs, _}) -> Ticket =< Ended orelse LatestMs =< NowMs end, Arrivals),
    {[From || {_, _, From} <- Ripe], Left}.

are_awaited(Arrivals) -> Arrivals =/= [].

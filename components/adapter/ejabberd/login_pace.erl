%% How often somebody may try a wrong password: at first as often as a person errs, then so seldom that guessing is hopeless
%% (docs/decisions/0261). Each wrong one counts for its account as tried from its address, and for the address. So who guesses
%% keeps nobody out who is somewhere else, and an address of many people has room for all their errors. Pure.

-module(login_pace).

-export([new/0, is_spent/4, wrong/4]).

%% So many at once, and as many again in so many milliseconds.
-define(OF_ACCOUNT, 20).
-define(OF_ADDRESS, 200).
-define(WITHIN_MS, 600000).
%% The addresses and accounts that erred last.
-define(REMEMBERED, 20000).

new() -> #{}.

%% Whether a login from an address to an account is answered as a wrong one, whatever it is.
is_spent(Address, User, NowMs, Pace) ->
    left({Address}, ?OF_ADDRESS, NowMs, Pace) < 1 orelse left({Address, User}, ?OF_ACCOUNT, NowMs, Pace) < 1.

%% A wrong password came from an address for an account.
wrong(Address, User, NowMs, Pace) ->
    spend({Address, User}, ?OF_ACCOUNT, NowMs, spend({Address}, ?OF_ADDRESS, NowMs, forget(NowMs, Pace))).

spend(Key, Most, NowMs, Pace) ->
    Pace#{Key => {left(Key, Most, NowMs, Pace) - 1, NowMs}}.

left(Key, Most, NowMs, Pace) ->
    case Pace of
        #{Key := {Left, AtMs}} -> min(Most, Left + (NowMs - AtMs) * Most / ?WITHIN_MS);
        _ -> Most
    end.

%% Those that have erred longest ago: half of them, so that this is seldom done.
forget(_, Pace) when map_size(Pace) < ?REMEMBERED ->
    Pace;
forget(NowMs, Pace) ->
    ByAge = lists:sort([{NowMs - AtMs, Key} || {Key, {_, AtMs}} <- maps:to_list(Pace)]),
    maps:with([Key || {_, Key} <- lists:sublist(ByAge, ?REMEMBERED div 2)], Pace).

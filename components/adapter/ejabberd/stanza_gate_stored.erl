%% What the server stores for later is on the disk when it counts as carried out, and what it has fetched from there is gone from
%% the disk when a client gets it. Mnesia writes down what has changed some seconds later: a server that is killed would have
%% lost the one, and told the other again.

-module(stanza_gate_stored).

-export([stored/1, fetched/1]).

-include("xmpp.hrl").

%% A message has found nobody.
stored({offlined, _} = Stored) ->
    mnesia:sync_log(),
    Stored;
stored(Other) ->
    Other.

%% A client is there now: what waited for it is in its process's mailbox.
fetched({#presence{type = available}, State} = Presence) ->
    _ = [mnesia:sync_log() || not maps:is_key(pres_last, State)],
    Presence;
fetched(Presence) ->
    Presence.

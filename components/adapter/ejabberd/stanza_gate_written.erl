%% What Mnesia, where the server keeps most of what it stores, has not written to the disk yet. It does so some seconds later by
%% itself, and a server that is killed meanwhile loses it.
%%
%% So it writes before a client is told that something is set, and before anything counts as done (stanza_gate_quiet).

-module(stanza_gate_written).

-export([write/0, set_by/1, writer/0]).

-include("xmpp.hrl").

%% It is written when this returns.
write() ->
    _ = mnesia:sync_log(),
    ok.

%% The same, if this has just set something on the server: the answer waits in the mailbox of this process. A question to an archive
%% sets nothing (XEP-0313).
set_by(#iq{type = set, to = #jid{lresource = <<>>}, sub_els = [Element]}) ->
    _ = [write() || {xmpp:get_name(Element), xmpp:get_ns(Element)} =/= {<<"query">>, ?NS_MAM_2}],
    ok;
set_by(_) ->
    ok.

%% In the window's process: who writes, or has written, all that has been stored until now. Nobody writes it twice.
writer() ->
    Stored = mnesia:system_info(transaction_log_writes),
    case get(?MODULE) of
        {Stored, Writer} ->
            Writer;
        _ ->
            Writer = spawn(fun write/0),
            put(?MODULE, {Stored, Writer}),
            Writer
    end.

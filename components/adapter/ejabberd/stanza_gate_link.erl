%% The gate's stream, which is a process of ejabberd_service: {Process, Monitor, SinceMs, Writer}, or `none`.

-module(stanza_gate_link).

-export([open/2, send/2, close/1, turn_away/1]).

open(Pid, Now) ->
    {Pid, erlang:monitor(process, Pid), Now, stanza_gate_writer:start(Pid)}.

send(Xml, {_, _, _, Writer}) -> stanza_gate_writer:write(Xml, Writer);
send(_, none) -> ok.

%% A gate that is connected and silent keeps its successor out.
close({Pid, Monitor, _, _}) ->
    logger:error("stanza_gate: the gate is connected and silent: closing its connection"),
    xmpp_stream_in:send(Pid, xmpp:serr_connection_timeout()),
    erlang:demonitor(Monitor, [flush]),
    none.

%% A second component that calls itself the gate.
turn_away(Pid) ->
    logger:error("stanza_gate: the gate's name is claimed by a second component"),
    xmpp_stream_in:send(Pid, xmpp:serr_conflict()).

%% The second lock. ejabberd goes on with a stanza when a hook that it calls has crashed, or is not there any more; so what
%% was not released by mod_stanza_gate stops here, in a module of its own, right behind it.

-module(stanza_gate_guard).

-export([mark/1, pass/1, name_of/1]).

%% Mark a stanza as released. A client cannot: this is no part of the XML.
mark(Packet) ->
    xmpp:put_meta(Packet, stanza_gate, released).

pass({Packet, State}) ->
    case xmpp:get_meta(Packet, stanza_gate, none) of
        released -> {Packet, State};
        none -> {stop, {drop, State}}
    end.

%% The kind of an error, for a log: all else in it may quote a stanza.
name_of(Reason) when is_atom(Reason) -> Reason;
name_of(Reason) when is_tuple(Reason), is_atom(element(1, Reason)) -> element(1, Reason);
name_of(_) -> other.

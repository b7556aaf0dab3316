%% The second lock. ejabberd goes on with a stanza when a hook that it calls has crashed, or is not there any more; so what
%% was not released by mod_stanza_gate stops here, in a module of its own, right behind it.

-module(stanza_gate_guard).

-export([mark/1, decided/1, pass/1, carry/2, carried/1, said_to/1, let_go/1, name_of/1]).

%% Mark a stanza as released. A client cannot: this is no part of the XML.
mark(Packet) ->
    xmpp:put_meta(Packet, stanza_gate, released).

%% Mark a stanza whose outcome is in the session's state: it goes its way through the hooks again, and is not held again.
decided(Packet) ->
    xmpp:put_meta(Packet, stanza_gate, decided).

pass({Packet, State}) ->
    case xmpp:get_meta(Packet, stanza_gate, none) of
        released -> {Packet, State};
        _ -> {stop, {drop, State}}
    end.

%% Note the number by which a stanza is carried out. It stays with what the server makes of the stanza, such as an error.
%% (What is an error already is answered by nobody, and has none.) Each node of a cluster has numbers of its own, so the node
%% is noted too: a room or a session on another node may answer.
carry(Packet, Seq) when is_integer(Seq) ->
    case xmpp:get_type(Packet) of
        error -> Packet;
        _ -> xmpp:put_meta(xmpp:put_meta(Packet, stanza_gate_seq, {node(), Seq}), stanza_gate_to, to(Packet))
    end;
carry(Packet, _) ->
    Packet.

to(Packet) ->
    case xmpp:get_to(Packet) of undefined -> none; Jid -> jid:tolower(Jid) end.

carried(Packet) ->
    xmpp:get_meta(Packet, stanza_gate_seq, none).

%% To whom it was said, in lower case: what is made of it may go to others.
said_to(Packet) ->
    xmpp:get_meta(Packet, stanza_gate_to, none).

%% This goes on without the number.
let_go(Packet) ->
    xmpp:del_meta(Packet, stanza_gate_seq).

%% The kind of an error, for a log: all else in it may quote a stanza.
name_of(Reason) when is_atom(Reason) -> Reason;
name_of(Reason) when is_tuple(Reason), is_atom(element(1, Reason)) -> element(1, Reason);
name_of(_) -> other.

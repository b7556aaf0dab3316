%% What the server makes in a person's name: presence to each contact, the subscriptions that end with a roster item, the
%% farewell of a session that is gone. It is submitted and waits for nothing, and stops at borders (docs/gate-protocol.md,
%% sections 4.1 and 4.5).

-module(stanza_gate_made).

-export([in_session/1, filter/1, is_made/2]).

-include("xmpp.hrl").

%% What this process makes, it makes for this session.
in_session(Name) -> put(stanza_gate_session, Name).

%% Everything that is routed comes by here.
filter(#presence{from = #jid{luser = User} = From} = Packet) when User =/= <<>> ->
    case is_made(Packet, ejabberd_option:hosts()) of
        true -> submit(Packet, From);
        false -> Packet
    end;
filter(Packet) ->
    Packet.

%% Whether the server has made it: it is in the name of a person of these hosts, to somebody else, and not what they said.
is_made(#presence{from = From, to = To, type = Type} = Packet, Hosts) ->
    Type =/= error andalso lists:member(From#jid.lserver, Hosts) andalso bare(From) =/= bare(To)
        andalso stanza_gate_guard:said_to(Packet) =/= jid:tolower(To).

submit(#presence{to = To} = Packet, #jid{lserver = Host} = From) ->
    IsStopped = stanza_gate_hosts:is_stopped(From, To),
    Session = case get(stanza_gate_session) of undefined -> list_to_binary(pid_to_list(self())); Name -> Name end,
    stanza_gate_window:note_made(Host, Session, xmpp:encode(Packet, ?NS_CLIENT), IsStopped),
    % Each contact may be kept from it alone: an error of one says nothing of what was carried out.
    case IsStopped of true -> {stop, drop}; false -> stanza_gate_guard:let_go(Packet) end.

bare(Jid) -> jid:tolower(jid:remove_resource(Jid)).

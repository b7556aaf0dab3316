%% What the server would say to a client: it stops at a border (docs/gate-protocol.md, section 4.5), and the gate learns who is in
%% a room.

-module(stanza_gate_heard).

-export([to_client/1]).

-include("xmpp.hrl").

%% What the server would say to a client stops at a border (docs/gate-protocol.md, section 4.5). Errors and results pass,
%% because they go to the requester.
to_client({Packet, #{jid := Jid} = State}) ->
    case is_answer(Packet) orelse is_put_out(Packet) orelse is_open(Packet, Jid) of
        true -> note_occupant(Packet, State), {Packet, State};
        false -> {stop, {drop, State}}
    end.

is_open(Packet, Jid) ->
    not stanza_gate_hosts:is_stopped(xmpp:get_from(Packet), Jid) andalso not stanza_gate_archived:is_over_border(Packet, Jid).

%% A room tells the people whom it puts out that it does so.
is_put_out(#presence{type = unavailable, from = #jid{lserver = Rooms}} = Packet) ->
    case xmpp:get_subtag(Packet, #muc_user{}) of
        #muc_user{status_codes = Codes} -> lists:member(110, Codes) andalso stanza_gate_hosts:is_room_host(Rooms);
        false -> false
    end;
is_put_out(_) ->
    false.

%% What a room tells an occupant of themselves (XEP-0045, 7.2.2): only the room knows who is in it.
note_occupant(#presence{from = #jid{lserver = Rooms}} = Packet, #{stanza_gate_session := Session}) ->
    case xmpp:get_subtag(Packet, #muc_user{}) of
        #muc_user{status_codes = Codes} ->
            % Anybody can send such a presence; only a room's counts.
            IsSelf = lists:member(110, Codes) andalso stanza_gate_hosts:is_room_host(Rooms),
            [stanza_gate_window:note_made(Rooms, Session, xmpp:encode(Packet, ?NS_CLIENT), false) || IsSelf];
        false ->
            []
    end;
note_occupant(_, _) ->
    [].

is_answer(#iq{type = Type}) -> Type =:= result orelse Type =:= error;
is_answer(Packet) -> xmpp:get_type(Packet) =:= error.

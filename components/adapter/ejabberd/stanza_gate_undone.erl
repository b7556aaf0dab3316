%% What was released and is not carried out after all: its sender is told, and so is the gate (docs/gate-protocol.md, 4.3).

-module(stanza_gate_undone).

-export([stop_at_border/1, note_refused/1, is_released_here/1, give_up/1]).

-include("xmpp.hrl").

%% Everything that is routed comes by here. A border may have come since this was released, or a gate that has started anew has
%% answered by its log.
stop_at_border(Packet) ->
    case stanza_gate_guard:carried(Packet) of
        {_, _} = Seq ->
            case is_on_its_way(Packet) andalso stanza_gate_hosts:is_stopped(xmpp:get_from(Packet), xmpp:get_to(Packet)) of
                true -> give_back(Seq, Packet);
                false -> unless_lost(Packet)
            end;
        none ->
            Packet
    end.

unless_lost(Packet) ->
    case is_alive() andalso is_released_here(Packet) andalso stanza_gate_afar:to_room(Packet) of
        lost -> {stop, drop};
        _ -> Packet
    end.

%% It goes to whom it was said to, and is not what a room or the server makes of it. Results go to whoever has asked.
is_on_its_way(#iq{type = result}) -> false;
is_on_its_way(Packet) -> stanza_gate_guard:said_to(Packet) =:= jid:tolower(xmpp:get_to(Packet)).

%% Whether this was released by this node's window, and is on its way.
is_released_here(Packet) ->
    case stanza_gate_guard:carried(Packet) of {Node, _} when Node =:= node() -> is_on_its_way(Packet); _ -> false end.

%% It was released, and may not have come where it belongs: its sender is told so, if there is an answer.
give_up({Seq, Answer}) ->
    stanza_gate_window:failed(Seq),
    _ = [ejabberd_router:route(Answer) || Answer =/= none],
    ok.

give_back(Seq, Packet) ->
    Error = xmpp:err_not_allowed(<<"This line does not reach this person or room any more. Nothing was sent.">>, <<"en">>),
    give_up({Seq, stanza_gate_session:reply(Packet, Error)}),
    {stop, drop}.

%% What is on its way to a person, there or not. The server answers a released stanza with an error that it makes of the
%% stanza itself, so that it bears the stanza's number. What another client answers is a stanza of its own.
note_refused(Packet) ->
    case xmpp:get_type(Packet) =:= error andalso stanza_gate_guard:carried(Packet) of
        {_, _} = Seq -> stanza_gate_window:refused(Seq);
        _ -> ok
    end,
    Packet.

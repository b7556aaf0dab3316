%% A message out of a person's own archive (XEP-0313) counts by its sender and recipient (docs/gate-protocol.md, section 4.5). What
%% somebody said while they were on the line stays said after they have left it.

-module(stanza_gate_archived).

-export([is_over_border/2, addresses/1]).

-include("xmpp.hrl").

%% Whether this would tell its owner of a message that was said over what is a border now.
is_over_border(#message{from = #jid{} = From} = Packet, Own) ->
    jid:tolower(jid:remove_resource(From)) =:= jid:tolower(jid:remove_resource(Own))
        andalso lists:any(fun(Other) -> stanza_gate_hosts:is_stopped_though_listed(Other, Own) end,
                          [jid:decode(Address) || Address <- addresses([xmpp:encode(El) || El <- xmpp:get_els(Packet)])]);
is_over_border(_, _) ->
    false.

%% Sender and recipient of the message within a result of an archive; none where there is no such thing.
addresses(Elements) ->
    case inside([<<"result">>, <<"forwarded">>, <<"message">>], Elements) of
        {xmlel, _, Attributes, _} -> [Value || {Name, Value} <- Attributes, Name =:= <<"from">> orelse Name =:= <<"to">>];
        none -> []
    end.

inside([Name | Names], Elements) ->
    case {[Each || {xmlel, Found, _, _} = Each <- Elements, Found =:= Name], Names} of
        {[], _} -> none;
        {[Element | _], []} -> Element;
        {[{xmlel, _, _, Children} | _], _} -> inside(Names, Children)
    end.

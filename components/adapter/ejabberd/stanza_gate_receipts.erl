%% Receipts (XEP-0359): they name the log and the index of a stanza's record. Only a receipt in the gate's own name counts.
%% Pure but for the preparation of domains, which is ejabberd's.

-module(stanza_gate_receipts).

-export([new/2, without_forged/2]).

-define(XMLNS_SID, <<"urn:xmpp:sid:0">>).

new(Gate, Id) ->
    {xmlel, <<"stanza-id">>, [{<<"xmlns">>, ?XMLNS_SID}, {<<"by">>, Gate}, {<<"id">>, Id}], []}.

%% Elements without what their sender put there in the gate's name, at any depth: no client can tell who did.
without_forged(Elements, Gate) ->
    [within(Each, Gate) || Each <- Elements, not is_forged(Each, Gate)].

within({xmlel, Name, Attributes, Children}, Gate) ->
    {xmlel, Name, Attributes, without_forged(Children, Gate)};
within(Text, _) ->
    Text.

is_forged({xmlel, Name, Attributes, _}, Gate) ->
    local(Name) =:= <<"stanza-id">>
        andalso lists:any(fun({Key, Value}) -> local(Key) =:= <<"by">> andalso means(Value, Gate) end, Attributes);
is_forged(_, _) ->
    false.

%% A name without its prefix: some readers show the local name alone.
local(Name) ->
    lists:last(binary:split(Name, <<":">>, [global])).

%% Whether this may be meant as an address of the gate's domain. What is no address is nobody's, and may look like it.
means(Address, Gate) ->
    Trimmed = string:trim(Address),
    Domain = hd(binary:split(lists:last(binary:split(Trimmed, <<"@">>, [global])), <<"/">>)),
    case dots_gone(Domain) of
        <<>> -> false;
        Written -> lists:member(jid:nameprep(Written), [error, Gate])
    end.

%% The full stops of other scripts part labels as well (RFC 3490, 3.1); those at the end mean nothing.
dots_gone(Domain) ->
    Dotted = lists:foldl(fun(Stop, Text) -> binary:replace(Text, Stop, <<".">>, [global]) end, Domain,
                         [<<227, 128, 130>>, <<239, 188, 142>>, <<239, 189, 161>>]),
    string:trim(Dotted, trailing, ".").

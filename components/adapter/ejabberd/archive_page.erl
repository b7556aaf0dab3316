%% Which messages of an archive (XEP-0313) a query is about, and which of those are on the page that it asks for (XEP-0059).
%% Pure.

-module(archive_page).

-export([is_asked_for/2, page/2]).

-include("xmpp.hrl").
-include("mod_mam.hrl").

%% Whether a message is within the times and with the person that the query names (XEP-0313, section 4.1).
is_asked_for(#archive_msg{timestamp = Time} = Message, Query) ->
    is_since(Time, proplists:get_value(start, Query))
        andalso is_until(Time, proplists:get_value('end', Query))
        andalso is_with(Message, proplists:get_value(with, Query)).

is_since(Time, Start) -> Start =:= undefined orelse Time >= Start.
is_until(Time, End) -> End =:= undefined orelse Time =< End.

is_with(_, undefined) -> true;
is_with(#archive_msg{peer = Peer, bare_peer = Bare}, With) ->
    case jid:tolower(With) of
        {_, _, <<>>} = Asked -> Asked =:= Bare;
        Asked -> Asked =:= Peer
    end.

%% Of messages in order: those on the page, in order, and whether it has all that is on this side of where it begins.
page(Messages, undefined) ->
    {Messages, true};
page(Messages, #rsm_set{max = Max, before = Before, 'after' = After}) ->
    Later = lists:dropwhile(fun(Each) -> not is_after(Each, After) end, Messages),
    Between = lists:takewhile(fun(Each) -> is_before(Each, Before) end, Later),
    {at_most(Max, Before, Between), not is_integer(Max) orelse length(Between) =< Max}.

at_most(Max, undefined, Messages) when is_integer(Max) -> lists:sublist(Messages, Max);
at_most(Max, _, Messages) when is_integer(Max) -> lists:nthtail(max(0, length(Messages) - Max), Messages);
at_most(_, _, Messages) -> Messages.

is_after(_, After) when After =:= undefined; After =:= <<>> -> true;
is_after(#archive_msg{id = Id}, After) -> number(Id) > number(After).

is_before(_, Before) when Before =:= undefined; Before =:= <<>> -> true;
is_before(#archive_msg{id = Id}, Before) -> number(Id) < number(Before).

%% An id is a number of microseconds in digits. What a client names as one may be anything.
number(Id) -> {byte_size(Id), Id}.

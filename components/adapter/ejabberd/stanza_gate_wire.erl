%% The elements of urn:steelyard:gate:0, built and read (docs/gate-protocol.md, section 4). Pure: values in, values out.
%%
%% An element is fast_xml's: {xmlel, Name, Attributes, Children}.

-module(stanza_gate_wire).

-export([held/3, event/3, quarantined/1, status/2, is_command/1, read/1, without_passwords/1, attribute/2, number/2]).

-define(XMLNS, <<"urn:steelyard:gate:0">>).
-define(XMLNS_FORWARD, <<"urn:xmpp:forward:0">>).
-define(XMLNS_CLIENT, <<"jabber:client">>).
-define(XMLNS_REGISTER, <<"jabber:iq:register">>).

%% From the adapter ---------------------------------------------------------------------------------------------------

%% A submission of a stanza. The head has host, gate, epoch, way and session, and may have counted, stopped and inject.
held(Head, Seq, Stanza) ->
    submission(Head, Seq, {xmlel, <<"forwarded">>, [{<<"xmlns">>, ?XMLNS_FORWARD}], [in_client_namespace(Stanza)]}).

%% A submission of an event of a session, such as {<<"bind">>, Attributes}.
event(Head, Seq, {Name, Attributes}) ->
    submission(Head, Seq, {xmlel, Name, Attributes, []}).

submission(#{epoch := Epoch, way := Way, session := Session} = Head, Seq, Child) ->
    Attributes = [{<<"xmlns">>, ?XMLNS}, {<<"epoch">>, Epoch}, {<<"way">>, Way}]
        ++ [{<<"stopped">>, <<"true">>} || maps:get(stopped, Head, false)]
        ++ [{<<"counted">>, <<"true">>} || maps:get(counted, Head, false)]
        ++ [{<<"session">>, Session}]
        ++ [{<<"inject">>, Id} || {ok, Id} <- [maps:find(inject, Head)]]
        ++ [{<<"seq">>, integer_to_binary(Seq)}],
    message(Head, {xmlel, <<"held">>, Attributes, [Child]}).

%% A submission in the form in which nothing looks into it (section 5.10): what it had inside is text.
quarantined({xmlel, <<"message">>, Of, [{xmlel, <<"held">>, Attributes, [Child]}]}) ->
    {Inside, Addresses} = case Child of
        {xmlel, <<"forwarded">>, _, [Stanza]} -> {Stanza, element(3, Stanza)};
        _ -> {Child, []}
    end,
    Told = [{<<"kind">>, element(2, Inside)}]
        ++ [{Name, proplists:get_value(Name, Addresses, <<>>)} || Name <- [<<"from">>, <<"to">>]],
    Text = {xmlcdata, base64:encode(fxml:element_to_binary(Inside))},
    {xmlel, <<"message">>, Of, [{xmlel, <<"held">>, Attributes, [{xmlel, <<"quarantined">>, Told, [Text]}]}]}.

%% A status; its numbers are integers, `bounced` is a list of {Seq, `failed`, `refused` or `unrecorded`}, `unheld` of hosts.
status(#{epoch := Epoch} = Head, #{bounced := Bounced, unheld := Unheld} = Status) ->
    Numbers = [{Name, integer_to_binary(maps:get(Key, Status))}
               || {Name, Key} <- [{<<"n">>, n}, {<<"first">>, first}, {<<"next">>, next}, {<<"done">>, done},
                                  {<<"turned-away">>, turned_away}]],
    Children = [{xmlel, <<"bounced">>, [{<<"seq">>, integer_to_binary(Seq)}]
                    ++ [{atom_to_binary(Why), <<"true">>} || Why =/= failed], []} || {Seq, Why} <- Bounced]
        ++ [{xmlel, <<"unheld">>, [{<<"host">>, Host}], []} || Host <- Unheld],
    message(Head, {xmlel, <<"status">>, [{<<"xmlns">>, ?XMLNS}, {<<"epoch">>, Epoch} | Numbers], Children}).

message(#{host := Host, gate := Gate}, Child) ->
    {xmlel, <<"message">>, [{<<"from">>, Host}, {<<"to">>, Gate}], [Child]}.

%% On the component's stream the namespace of clients has to be spelt out.
in_client_namespace({xmlel, Name, Attributes, Children}) ->
    {xmlel, Name, [{<<"xmlns">>, ?XMLNS_CLIENT} | proplists:delete(<<"xmlns">>, Attributes)], Children}.

%% What the gate is never told: a new password (XEP-0077, 3.3). Gives the stanza as the gate is told it.
without_passwords({xmlel, <<"iq">>, Attributes, Children} = Stanza) ->
    case [Child || {xmlel, _, _, _} = Child <- Children] of
        [{xmlel, _, Of, _} = Query | _] ->
            case lists:member({<<"xmlns">>, ?XMLNS_REGISTER}, Of) of
                true -> {xmlel, <<"iq">>, Attributes, [redact(Child, Query) || Child <- Children]};
                false -> Stanza
            end;
        [] ->
            Stanza
    end;
without_passwords(Stanza) ->
    Stanza.

redact(Query, Query) -> redact(Query);
redact(Child, _) -> Child.

redact({xmlel, Name, Attributes, [_ | _] = Children}) ->
    IsPassword = Name =:= <<"password">>
        orelse Name =:= <<"field">> andalso lists:member({<<"var">>, <<"password">>}, Attributes),
    case IsPassword of
        true -> {xmlel, Name, Attributes, [{xmlel, <<"redacted">>, [{<<"xmlns">>, ?XMLNS}], []}]};
        false -> {xmlel, Name, Attributes, [redact(Child) || Child <- Children]}
    end;
redact(Other) ->
    Other.

%% From the gate ------------------------------------------------------------------------------------------------------

%% Whether the children of a message are for the adapter.
is_command(Children) ->
    case [Child || {xmlel, _, _, _} = Child <- Children] of
        [{xmlel, _, Attributes, _} | _] -> lists:member({<<"xmlns">>, ?XMLNS}, Attributes);
        [] -> false
    end.

%% What the gate says to the adapter, as a value; `unknown` where it is nothing that there is.
read(Children) ->
    case [Child || {xmlel, _, _, _} = Child <- Children] of
        [Element | _] -> read_element(Element);
        [] -> unknown
    end.

read_element({xmlel, <<"verdict">>, Attributes, Children}) ->
    Verdict = {attribute(<<"epoch">>, Attributes), attribute(<<"log">>, Attributes), number(<<"seq">>, Attributes),
               number(<<"through">>, Attributes), number(<<"first">>, Attributes)},
    case Verdict of
        {Epoch, Log, Seq, Through, First}
          when is_binary(Epoch), is_binary(Log), is_integer(Seq), is_integer(Through), is_integer(First) ->
            {verdict, #{epoch => Epoch, log => Log, seq => Seq, through => Through, first => First,
                        exceptions => exceptions(Children)}};
        _ ->
            unknown
    end;
read_element({xmlel, <<"noted">>, Attributes, _}) ->
    case number(<<"n">>, Attributes) of undefined -> unknown; Number -> {noted, Number} end;
read_element({xmlel, <<"unread">>, Attributes, _}) ->
    case number(<<"seq">>, Attributes) of undefined -> unknown; Seq -> {unread, Seq} end;
read_element({xmlel, <<"canary">>, Attributes, _}) ->
    case attribute(<<"id">>, Attributes) of undefined -> unknown; Id -> {canary, Id} end;
read_element({xmlel, <<"borders">>, _, _} = Element) ->
    {borders, Element};
read_element({xmlel, <<"inject">>, Attributes, Children}) ->
    case {attribute(<<"id">>, Attributes), forwarded(Children)} of
        {Id, {xmlel, _, _, _} = Stanza} when is_binary(Id) -> {inject, Id, Stanza};
        _ -> unknown
    end;
read_element(_) ->
    unknown.

%% What a verdict says of single submissions: by number `bounce`, {refuse, Error}, {keep, Error} or {amend, Stanza}.
exceptions(Children) ->
    maps:from_list([{number(<<"seq">>, Attributes), exception(Name, Inside)}
                    || {xmlel, Name, Attributes, Inside} <- Children]).

exception(<<"refuse">>, Children) -> {refuse, error_in(Children)};
exception(<<"keep">>, Children) -> {keep, error_in(Children)};
exception(<<"amend">>, Children) -> {amend, forwarded(Children)};
exception(_, _) -> bounce.

error_in(Children) ->
    case lists:keyfind(<<"error">>, 2, Children) of false -> none; Error -> Error end.

forwarded(Children) ->
    case lists:keyfind(<<"forwarded">>, 2, Children) of
        {xmlel, _, _, Inside} ->
            case [Child || {xmlel, _, _, _} = Child <- Inside] of [Stanza | _] -> Stanza; [] -> none end;
        false ->
            none
    end.

%% What an attribute says, `undefined` where there is none.
attribute(Name, Attributes) ->
    proplists:get_value(Name, Attributes).

%% The same as a number, which one that is none is not.
number(Name, Attributes) ->
    try binary_to_integer(attribute(Name, Attributes))
    catch error:badarg -> undefined
    end.

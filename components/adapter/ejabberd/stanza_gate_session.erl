%% What a process that has a stanza does with it: it asks for the verdict, and goes on with the stanza or answers it. A client's
%% session does something else meanwhile (stanza_gate_said), and so does the stream of a server or a component
%% (stanza_gate_stream).
%%
%% Everything that fails in here ends as an answer to the sender, never as a stanza that goes on (docs/ejabberd.md).

-module(stanza_gate_session).

-export([ask/4, decided/2, released/3, reply/2, lost/1, transport/1, new_name/0]).

-include("xmpp.hrl").

%% Submit a stanza that came one way from one session. Gives its size, and {asked, Ref, Window, Until} as
%% stanza_gate_window:await/2 takes it; or {done, Outcome} where it goes no further.
ask(Way, Host, Session, Packet) ->
    try submitted(#{way => Way, host => Host, session => session_name(Session), counted => is_counted(Session)}, Packet)
    catch Class:Reason ->
        % What a message said goes into no log: reasons quote it.
        logger:error("stanza_gate: a stanza could not be held: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)]),
        {0, {done, refused(Packet, failed)}}
    end.

submitted(#{host := Host} = Head, Packet) ->
    #{timeout_ms := TimeoutMs, stanza_bytes := MaxBytes} = persistent_term:get({stanza_gate, options}),
    Told = as_told(Packet),
    Size = iolist_size(fxml:element_to_binary(Told)),
    case {is_held(Host), Size > MaxBytes} of
        {false, _} -> {0, {done, turned_away(Packet)}};
        {true, true} -> {0, {done, refused(Packet, too_large)}};
        {true, false} -> {Size, stanza_gate_window:ask(Head, Told, Size, TimeoutMs)}
    end.

%% Whether the adapter is loaded where this comes from. What a component says counts for the first host.
is_held(Host) ->
    Hosts = ejabberd_option:hosts(),
    gen_mod:is_loaded(case lists:member(Host, Hosts) of true -> Host; false -> hd(Hosts) end, mod_stanza_gate).

turned_away(Packet) ->
    stanza_gate_window:turned_away(),
    refused(Packet, interrupted).

%% A name for a session that no other has, also on no other node of a cluster: it is kept when the session is resumed there.
new_name() ->
    Number = integer_to_binary(erlang:unique_integer([positive])),
    case node() of
        nonode@nohost -> <<"c", Number/binary>>;
        Node -> <<"c", Number/binary, "-", (integer_to_binary(erlang:phash2(Node)))/binary>>
    end.

%% The outcome, by what the window has said.
decided({carry_out, Seq, Receipt, Amended}, Packet) ->
    try released(amended(Packet, Amended), Receipt, gate()) of
        empty ->
            stanza_gate_window:failed(Seq),
            refused(Packet, empty);
        Released ->
            {go_on, Released, Seq}
    catch _:_ ->
        stanza_gate_window:failed(Seq),
        refused(Packet, failed)
    end;
decided({answer, Error}, Packet) ->
    answer(Packet, Error);
decided(silent, _) ->
    silent;
decided({bounced, Reason}, Packet) ->
    refused(Packet, Reason);
decided(gone, Packet) ->
    refused(Packet, failed).

%% The stanza as it goes on: with its receipt, without forged ones, and marked. `empty` where a request was nothing else.
released(Packet, Receipt, Gate) ->
    Before = [xmpp:encode(El) || El <- xmpp:get_els(Packet)],
    After = stanza_gate_receipts:without_forged(Before, Gate),
    case {Packet, Before, After} of
        {#iq{type = Type}, [_ | _], []} when Type =:= get; Type =:= set -> empty;
        {#message{}, _, _} -> marked(Packet, After ++ [stanza_gate_receipts:new(Gate, Receipt)]);
        _ -> marked(Packet, After)
    end.

marked(Packet, Elements) ->
    stanza_gate_guard:mark(xmpp:set_els(Packet, Elements)).

%% The gate's content in the sender's stanza, which keeps its addresses, type and id.
amended(Packet, none) ->
    Packet;
amended(Packet, Xml) ->
    case {Packet, xmpp:decode(Xml, ?NS_CLIENT, [ignore_els])} of
        {#message{}, #message{subject = Subject, body = Body, thread = Thread, sub_els = Els}} ->
            Packet#message{subject = Subject, body = Body, thread = Thread, sub_els = Els};
        {#presence{}, #presence{show = Show, status = Status, priority = Priority, sub_els = Els}} ->
            Packet#presence{show = Show, status = Status, priority = Priority, sub_els = Els};
        {#iq{}, #iq{sub_els = Els}} ->
            Packet#iq{sub_els = Els}
    end.

%% ejabberd writes the own account where a client named nobody; the gate is told what the client said.
as_told(Packet) ->
    From = xmpp:get_from(Packet),
    To = xmpp:get_to(Packet),
    IsOwn = To =/= undefined andalso jid:tolower(To) =:= jid:tolower(jid:remove_resource(From))
        andalso From#jid.luser =/= <<>>,
    Told = case IsOwn of true -> xmpp:set_to(Packet, undefined); false -> Packet end,
    stanza_gate_wire:without_passwords(xmpp:encode(Told, ?NS_CLIENT)).

session_name(#{stanza_gate_session := Name}) -> Name;
session_name(_) -> list_to_binary(pid_to_list(self())).

is_counted(#{mgmt_state := active}) -> true;
is_counted(_) -> false.

gate() -> maps:get(gate, persistent_term:get({stanza_gate, options})).

%% Answers ------------------------------------------------------------------------------------------------------------

%% It reached nobody, and the gate does not keep it.
refused(Packet, Reason) ->
    Lang = case xmpp:get_lang(Packet) of <<>> -> <<"en">>; Other -> Other end,
    case answer(Packet, problem(Reason, Lang)) of
        {answer, Reply} -> {returned, Reply};
        silent -> silent
    end.

problem(interrupted, Lang) ->
    xmpp:err_resource_constraint(<<"This line is recorded, and recording is interrupted. Nothing was sent. "
                                   "Please try again in a moment.">>, Lang);
problem(overloaded, Lang) ->
    xmpp:err_resource_constraint(<<"This line is overloaded. Nothing was sent. Please try again in a moment.">>, Lang);
problem(too_large, Lang) ->
    xmpp:err_policy_violation(<<"This is too large to be recorded, so it was not sent. "
                                "Please send it in smaller parts.">>, Lang);
problem(empty, Lang) ->
    xmpp:err_bad_request(<<"This request had nothing in it but a receipt that is not yours to give.">>, Lang);
problem(unwritable, Lang) ->
    xmpp:err_bad_request(<<"This stanza cannot be recorded, so it was not sent.">>, Lang);
problem(failed, Lang) ->
    Error = xmpp:err_internal_server_error(<<"The server could not deliver this. Please tell your support desk.">>, Lang),
    Error#stanza_error{type = wait}.

answer(_, none) ->
    silent;
answer(Packet, Error) ->
    case reply(Packet, Error) of none -> silent; Reply -> {answer, Reply} end.

%% The answer to what was on its way to a machine that is lost.
lost(Packet) ->
    reply(Packet, xmpp:err_recipient_unavailable(
        <<"The server's machine that this went to is lost. It may not have arrived. Please ask, or send it again.">>, <<"en">>)).

%% The error that goes back to a sender (RFC 6120, 8.3): what the stanza said is not said again. None where nobody waits.
reply(#message{type = Type, id = Id, from = From, to = To}, Error) when Type =/= error ->
    #message{type = error, id = Id, from = To, to = From, sub_els = [Error]};
reply(#presence{type = Type, id = Id, from = From, to = To}, Error) when Type =/= error ->
    #presence{type = error, id = Id, from = To, to = From, sub_els = [Error]};
reply(#iq{type = Type, id = Id, from = From, to = To}, Error) when Type =:= get; Type =:= set ->
    #iq{type = error, id = Id, from = To, to = From, sub_els = [Error]};
reply(_, _) ->
    none.

%% Sessions -----------------------------------------------------------------------------------------------------------

%% What `bind` and `resume` say of a session's stream.
transport(#{jid := Jid, ip := {Address, _}} = State) ->
    [{<<"jid">>, jid:encode(Jid)}, {<<"address">>, address(Address)} | encryption(State)].

%% IPv4 as it is written, also where it came in by an IPv6 socket.
address({0, 0, 0, 0, 0, 16#ffff, High, Low}) ->
    address({High div 256, High rem 256, Low div 256, Low rem 256});
address(Address) ->
    list_to_binary(inet:ntoa(Address)).

%% What ejabberd can say of an encrypted stream: the protocol, the cipher, or both, as words.
encryption(#{stream_encrypted := true, socket := Socket}) ->
    Words = case xmpp_socket:get_negotiated_cipher(Socket) of
        {ok, Description} -> string:lexemes(iolist_to_binary([Description]), " \n");
        error -> []
    end,
    {Protocols, Ciphers} = lists:partition(fun(Word) -> binary:match(Word, <<"TLSv">>) =:= {0, 4} end, Words),
    [{<<"tls">>, hd(Protocols)} || Protocols =/= []] ++ [{<<"cipher">>, hd(Ciphers)} || Ciphers =/= []];
encryption(_) ->
    [].

%% Carries out what the gate itself had asked for: its canaries and injected stanzas (docs/gate-protocol.md, sections 4.4
%% and 4.7), one after another; and what follows from a new table of borders. The window never waits for the server: this
%% process does.

-module(stanza_gate_carrier).
-behaviour(gen_server).

-export([start_link/0, canary/2, carry_out/4, tell_borders/0, give_up/1]).
-export([init/1, handle_call/3, handle_cast/2]).

-include("xmpp.hrl").

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% The gate's message to itself, as XML.
canary(Gate, Id) ->
    {xmlel, <<"message">>, [{<<"from">>, Gate}, {<<"to">>, Gate}, {<<"type">>, <<"headline">>}, {<<"id">>, Id}],
     [{xmlel, <<"canary">>, [{<<"xmlns">>, <<"urn:steelyard:gate:0">>}, {<<"id">>, Id}], []}]}.

%% Carry out a released stanza of the gate's, and tell the window.
carry_out(Seq, Xml, Receipt, Gate) ->
    gen_server:cast(?MODULE, {carry_out, Seq, Xml, Receipt, Gate}).

%% There is another table of borders, or somebody new who wants to know it. The hook `stanza_gate_table` runs for each of them,
%% in order; `stanza_gate_borders` says that what is in force now may be another one.
tell_borders() ->
    gen_server:cast(?MODULE, {tell_borders, stanza_gate_hosts:in_force()}).

%% These were on their way to a node that is lost, as {Seq, Answer}.
give_up(Lost) ->
    gen_server:cast(?MODULE, {give_up, Lost}).

init([]) -> {ok, none}.

handle_call(_, _, State) -> {reply, ok, State}.

handle_cast({carry_out, Seq, Xml, Receipt, Gate}, State) ->
    try
        Released = stanza_gate_session:released(xmpp:decode(Xml, ?NS_CLIENT, [ignore_els]), Receipt, Gate),
        route(Seq, stanza_gate_guard:carry(Released, Seq))
    catch Class:Reason ->
        logger:error("stanza_gate: what the gate asked for could not be carried out: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)]),
        stanza_gate_window:failed(Seq)
    end,
    {noreply, State};
handle_cast({give_up, Lost}, State) ->
    lists:foreach(fun stanza_gate_undone:give_up/1, Lost),
    {noreply, State};
handle_cast({tell_borders, Table}, State) ->
    [ejabberd_hooks:run(stanza_gate_table, Host, [Host, Table]) || Host <- ejabberd_option:hosts(), Table =/= none],
    [ejabberd_hooks:run(stanza_gate_borders, Host, [Host]) || Host <- ejabberd_option:hosts()],
    {noreply, State}.

%% In the sender's session, if it is there: then it is treated as what that says.
route(Seq, Packet) ->
    case {session_of(xmpp:get_from(Packet)), Packet} of
        {none, #presence{from = #jid{luser = User}}} when User =/= <<>> ->
            stanza_gate_window:done(Seq);
        {none, _} ->
            ejabberd_router:route(Packet),
            stanza_gate_window:done(Seq);
        {Pid, _} ->
            stanza_gate_window:carrying(Seq, Pid),
            Pid ! {stanza_gate_carry_out, {node(), Seq}, Packet}
    end.

session_of(#jid{luser = <<>>}) ->
    none;
session_of(#jid{luser = User, lserver = Server, lresource = Resource}) ->
    case lists:member(Server, ejabberd_option:hosts()) andalso ejabberd_sm:get_session_pid(User, Server, Resource) of
        Pid when is_pid(Pid) -> Pid;
        _ -> none
    end.

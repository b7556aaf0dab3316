%% A new table of borders parts people who saw each other online: each client is told that those are gone of whom it may not be
%% told any more, or they would seem to be there for ever (docs/gate-protocol.md, section 4.5).

-module(stanza_gate_parted).

-export([part/1, say/2, newly/3]).

-include("xmpp.hrl").

%% Look through all sessions of this server, in a process of its own: it reads everybody's roster.
part(Before) ->
    case stanza_gate_borders:addresses(Before) of
        [] -> ok; % nobody was told of anybody
        _ -> spawn(fun() -> lists:foreach(fun(Host) -> part_host(Host, Before) end, ejabberd_option:hosts()) end), ok
    end.

part_host(Host, Before) ->
    lists:foreach(fun(User) ->
        Own = jid:make(User, Host),
        [tell(Own, Gone) || Gone <- [newly(seen_by(User, Host),
                                           fun(Contact) -> stanza_gate_hosts:is_stopped_by(Before, Contact, Own) end,
                                           fun(Contact) -> stanza_gate_hosts:is_stopped(Contact, Own) end)], Gone =/= []]
    end, lists:usort([User || {User, _, _} <- ejabberd_sm:get_vh_session_list(Host)])).

%% Whom somebody sees online.
seen_by(User, Host) ->
    Roster = ejabberd_hooks:run_fold(roster_get, Host, [], [{User, Host}]),
    [Contact || #roster_item{jid = Contact, subscription = Is} <- Roster, Is =:= both orelse Is =:= to].

%% Of these, those who are parted now and were not before.
newly(People, WasParted, IsParted) ->
    [Each || Each <- People, IsParted(Each), not WasParted(Each)].

tell(#jid{luser = User, lserver = Host}, Gone) ->
    Farewells = [#presence{type = unavailable, from = jid:replace_resource(Contact, Resource)}
                 || #jid{luser = Other, lserver = Server} = Contact <- Gone, lists:member(Server, ejabberd_option:hosts()),
                    {_, Resource} <- present(Other, Server)],
    % Another node of a cluster has the same table from its own gate, and tells its own sessions.
    [Pid ! {stanza_gate_parted, Farewells} || {Pid, _} <- present(User, Host), node(Pid) =:= node()].

%% The sessions of somebody that have said that they are there.
present(User, Host) ->
    [{Pid, Resource} || Resource <- ejabberd_sm:get_user_resources(User, Host),
                        Pid <- [ejabberd_sm:get_session_pid(User, Host, Resource)], is_pid(Pid)].

%% In the session that is told: the last word, past the border. One that has not said that it is there was told of nobody.
say(Farewells, #{jid := Own, pres_last := _, stanza_gate_session := Session} = State) ->
    lists:foldl(fun(#presence{from = #jid{lserver = Host}} = Farewell, Acc) ->
        Gone = Farewell#presence{to = Own},
        stanza_gate_window:note_made(Host, Session, xmpp:encode(Gone, ?NS_CLIENT), false),
        ejabberd_c2s:send(Acc, Gone)
    end, State, Farewells);
say(_, State) ->
    State.

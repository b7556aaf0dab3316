%% What the adapter asks ejabberd: its hosts, on which streams a component is, and whether a border is in the way.

-module(stanza_gate_hosts).

-export([own/0, unheld/0, streams_of/1, is_stopped/2, is_stopped_by/3, keep_borders/2, is_stopped_though_listed/2,
         is_in_force/0, in_force/0, is_open/0, is_room_host/1, is_room_host_of/2, room_process/2]).

-include("jid.hrl").

%% The host in whose name the adapter speaks to the gate.
own() -> hd(ejabberd_option:hosts()).

%% The hosts on which the adapter is not loaded.
unheld() -> [Host || Host <- ejabberd_option:hosts(), not gen_mod:is_loaded(Host, mod_stanza_gate)].

%% The streams of this node on which a component's domain is routed: #route{domain, server_host, pid, local_hint}.
streams_of(Domain) ->
    case (ejabberd_router:get_backend()):find_routes(Domain) of
        {ok, Routes} -> [element(4, Route) || Route <- Routes, node(element(4, Route)) =:= node()];
        _ -> []
    end.

%% Whether a border is between two addresses; also where that cannot be looked up.
is_stopped(From, To) ->
    is_stopped_by(persistent_term:get({stanza_gate, borders}, stanza_gate_borders:new()), From, To).

is_stopped_by(Borders, From, To) ->
    try stanza_gate_borders:is_between(bare(From), bare(To), Borders, {ejabberd_option:hosts(), fun is_component/1})
    catch Class:Reason ->
        logger:error("stanza_gate: a border could not be looked up: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)]),
        true
    end.

%% It is prepared already.
bare(#jid{luser = User, lserver = Server}) -> jid:encode({User, Server, <<>>}).

%% A domain that is routed to a component, and none of accounts.
is_component(Domain) ->
    not lists:member(Domain, ejabberd_option:hosts()) andalso ejabberd_router:is_my_route(Domain)
        andalso not is_room_host(Domain).

is_room_host(Domain) ->
    lists:any(fun(Host) -> is_room_host_of(Host, Domain) end, ejabberd_option:hosts()).

%% Whether a domain is one of the rooms of this host of accounts.
is_room_host_of(Host, Domain) ->
    gen_mod:is_loaded(Host, mod_muc) andalso lists:member(Domain, gen_mod:get_module_opt_hosts(Host, mod_muc)).

%% The process of a room, on whichever node it is; `none` where it is nowhere now.
room_process(Room, Domain) ->
    case is_room_host(Domain) andalso mod_muc:find_online_room(Room, Domain) of {ok, Pid} -> Pid; _ -> none end.

%% Whether the gate has said any table yet.
is_in_force() -> in_force() =/= none.

%% The table in force, or `none`.
in_force() ->
    maps:get(in_force, persistent_term:get({stanza_gate, borders}, stanza_gate_borders:new())).

%% Whether the gate only observes: nothing stops anywhere.
is_open() ->
    stanza_gate_borders:is_open(persistent_term:get({stanza_gate, borders}, stanza_gate_borders:new())).

%% Whether a border is between two people who are both on the line.
is_stopped_though_listed(One, Other) ->
    Borders = persistent_term:get({stanza_gate, borders}, stanza_gate_borders:new()),
    stanza_gate_borders:is_listed(bare(One), Borders) andalso stanza_gate_borders:is_listed(bare(Other), Borders)
        andalso is_stopped(One, Other).

%% Keep the table for all processes, and have it told where it is another.
keep_borders(Borders, Before) ->
    persistent_term:put({stanza_gate, borders}, Borders),
    case maps:get(in_force, Borders) =:= maps:get(in_force, Before) of
        true ->
            ok;
        false ->
            stanza_gate_parted:part(Before),
            stanza_gate_carrier:tell_borders()
    end.

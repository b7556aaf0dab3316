%% The ejabberd adapter of the stanza gate: urn:steelyard:gate:0 (docs/gate-protocol.md, docs/ejabberd.md).
%%
%% Every stanza that a client, a federated server or a component hands to this server is held, submitted to the gate, and
%% carried out only when the gate's verdict says that it is recorded. There is no policy in the adapter.
%%
%% This file has the hooks, by which ejabberd calls the adapter. It calls them in the process of the session or stream.
%% ejabberd goes on with the stanza when a hook crashes: so a stanza goes on only if one hook after another says so, and
%% the last of them is in a module of its own (stanza_gate_guard).

-module(mod_stanza_gate).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0]).
-export([hold/2, go_on/1, hold_from_server/1, on_server_proved/3, hold_from_component/1, note_component/1]).
-export([on_opened/1, on_copied/2, on_pending/1, on_resumed/1, on_closed/2, on_terminated/2, on_gone/2]).
-export([on_info/2, on_call/3, on_stopping/0]).

-include("xmpp.hrl").

%% Before every other module: stream management, which counts what a client said, is at 50 (XEP-0198).
-define(FIRST, 1).
-define(BEHIND_IT, 2).
%% After mod_offline, at 50.
-define(AFTER_STORING, 51).
%% After ejabberd has said a session's farewell, at 100.
-define(AFTER_ALL, 200).
%% How much longer than for the gate the server waits when it stops.
-define(STOP_MS, 1000).

%% The module ---------------------------------------------------------------------------------------------------------

start(Host, Options) ->
    persistent_term:put({stanza_gate, options}, maps:with(
        [gate, timeout_ms, window_stanzas, window_bytes, stanza_bytes, done_lag_ms], Options)),
    start_once(stanza_gate_carrier, []),
    start_once(stanza_gate_window, [persistent_term:get({stanza_gate, options})]),
    lists:foreach(fun({Hook, Module, Function, At}) -> ejabberd_hooks:add(Hook, Host, Module, Function, At) end, hooks()),
    ejabberd_hooks:add(component_send_packet, ?MODULE, hold_from_component, ?FIRST),
    ejabberd_hooks:add(component_send_packet, stanza_gate_guard, pass, ?BEHIND_IT),
    ejabberd_hooks:add(component_connected, ?MODULE, note_component, ?FIRST),
    ejabberd_hooks:add(filter_packet, stanza_gate_undone, stop_at_border, ?FIRST),
    ejabberd_hooks:add(filter_packet, stanza_gate_made, filter, ?BEHIND_IT),
    ejabberd_hooks:add(ejabberd_stopping, ?MODULE, on_stopping, ?FIRST),
    ok.

hooks() ->
    [{c2s_authenticated_packet, ?MODULE, hold, ?FIRST},
     {user_send_packet, ?MODULE, go_on, ?FIRST},
     {user_send_packet, stanza_gate_guard, pass, ?BEHIND_IT},
     {s2s_in_auth_result, ?MODULE, on_server_proved, ?FIRST},
     {s2s_receive_packet, ?MODULE, hold_from_server, ?FIRST},
     {s2s_receive_packet, stanza_gate_guard, pass, ?BEHIND_IT},
     {user_receive_packet, stanza_gate_heard, to_client, ?FIRST},
     {offline_message_hook, stanza_gate_stored, stored, ?AFTER_STORING},
     {c2s_self_presence, stanza_gate_stored, fetched, ?AFTER_STORING},
     {sm_receive_packet, stanza_gate_undone, note_refused, ?FIRST},
     {c2s_session_opened, ?MODULE, on_opened, ?FIRST},
     {c2s_copy_session, ?MODULE, on_copied, ?FIRST},
     {c2s_session_pending, ?MODULE, on_pending, ?FIRST},
     {c2s_session_resumed, ?MODULE, on_resumed, ?FIRST},
     {c2s_handle_call, ?MODULE, on_call, ?FIRST},
     {c2s_closed, ?MODULE, on_closed, ?FIRST},
     {c2s_terminated, ?MODULE, on_terminated, ?FIRST},
     {c2s_terminated, ?MODULE, on_gone, ?AFTER_ALL},
     {c2s_handle_info, ?MODULE, on_info, ?FIRST}].

%% The processes outlive the module, with their window and numbers.
start_once(Module, Arguments) ->
    Child = #{id => Module, start => {Module, start_link, Arguments}, restart => permanent},
    case supervisor:start_child(ejabberd_gen_mod_sup, Child) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok
    end.

%% The hooks stay: what comes from now on is turned away (stanza_gate_session), because the module is not loaded.
stop(_Host) -> ok.

%% Changed settings count from the server's next start on.
reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [].

mod_opt_type(gate) -> econf:domain();
mod_opt_type(_) -> econf:pos_int().

mod_options(_Host) ->
    [gate, {timeout_ms, 5000}, {window_stanzas, 16384}, {window_bytes, 33554432}, {stanza_bytes, 2097152},
     {done_lag_ms, 7000}].

mod_doc() -> #{desc => <<"Holds every stanza until the gate has recorded it.">>}.

%% The server stops in order: sessions and the gate's stream are still there, and stay until what is held is done with.
on_stopping() ->
    #{timeout_ms := TimeoutMs} = persistent_term:get({stanza_gate, options}),
    try stanza_gate_window:stop(TimeoutMs + ?STOP_MS)
    catch Class:Reason -> logger:error("stanza_gate: what is held is lost: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)])
    end,
    stanza_gate_counted:tell_everybody(ejabberd_option:hosts()).

%% Stanzas of clients -------------------------------------------------------------------------------------------------

%% Submit it before the server counts it as handled. When it has its outcome, stanza_gate_said has it come by here again,
%% with the outcome in the session's state, and `go_on` acts on that.
hold(State, Packet) when ?is_stanza(Packet) ->
    case {xmpp:get_meta(Packet, stanza_gate, none), State} of
        {decided, _} -> State;
        {released, _} -> State#{stanza_gate_outcome => {go_on, Packet, none}};
        % Another process has the session, and was told how much is handled: its client says again what was not.
        {none, #{mgmt_state := resumed}} -> {stop, State#{stanza_gate_outcome => silent}};
        {none, #{stanza_gate_session := _}} -> {stop, (stanza_gate_said:say(Packet, State))#{stanza_gate_outcome => silent}};
        % The session is older than the adapter: it begins anew under it.
        {none, _} -> ejabberd_c2s:stop_async(self()), {stop, State#{stanza_gate_outcome => silent}}
    end;
hold(#{stanza_gate_outcome := element} = State, _) ->
    State;
% A request for the count is answered when all is handled that came before; what comes after `enable` is counted.
hold(#{mgmt_state := active} = State, #sm_r{} = Request) ->
    {stop, stanza_gate_said:then(Request, State)};
hold(State, #sm_enable{}) ->
    stanza_gate_said:finish(State);
hold(State, _) ->
    State.

go_on({Packet, State}) ->
    case maps:take(stanza_gate_outcome, State) of
        {{go_on, Released, Seq}, Rest} ->
            {stanza_gate_guard:carry(Released, Seq), Rest};
        {{answer, Error}, Rest} ->
            {stop, {drop, ejabberd_c2s:send(Rest, Error)}};
        {{returned, Error}, Rest} ->
            {stop, {drop, stanza_gate_unheard_errors:note(ejabberd_c2s:send(Rest, Error))}};
        {silent, Rest} ->
            {stop, {drop, Rest}};
        error ->
            logger:error("stanza_gate: a stanza was not held, and goes no further"),
            {stop, {drop, ejabberd_c2s:send(State, xmpp:make_error(Packet, xmpp:err_internal_server_error()))}}
    end.

%% What is left by an older session of this name comes before everything else.
on_info(#{stanza_gate_first := _} = State, Info) ->
    on_info(stanza_gate_takeover:first(State), Info);
on_info(State, stanza_gate_first) ->
    {stop, State};
%% A client that counts nothing has closed its stream, and the order to end is on its way to this process: what comes before that
%% comes after it, when what is unread finds whoever is there then. ejabberd would write it to the closed stream.
on_info(#{stream_state := disconnected, stop_reason := _, mgmt_state := inactive} = State, {route, _} = Unread) ->
    self() ! Unread,
    {stop, State};
on_info(State, {stanza_gate_carry_out, Seq, Packet}) ->
    Carried = ejabberd_c2s:handle_authenticated_packet(Packet, State),
    stanza_gate_window:done(Seq),
    % The client did not say it, so it does not count for it (XEP-0198).
    {stop, maps:merge(Carried, maps:with([mgmt_stanzas_in], State))};
on_info(State, {stanza_gate_parted, Farewells}) ->
    {stop, stanza_gate_parted:say(Farewells, State)};
on_info(State, stanza_gate_fetch) ->
    stanza_gate_stored:fetch(State),
    {stop, State};
on_info(State, {stanza_gate_successor, Successor}) ->
    {stop, stanza_gate_takeover:announced(Successor, State)};
on_info(State, {stanza_gate_late, _, _, _} = Handed) ->
    {stop, stanza_gate_takeover:take_late(Handed, State)};
on_info(State, stanza_gate_tell_count) ->
    {stop, stanza_gate_counted:tell_unasked(State)};
on_info(State, stanza_gate_overdue) ->
    {stop, stanza_gate_said:overdue(State)};
% What ends the session comes after its last words.
on_info(State, Ends) when Ends =:= kick; Ends =:= replaced; element(1, Ends) =:= exit; element(1, Ends) =:= replaced_with_bind_tag ->
    stanza_gate_said:finish(State);
on_info(State, Info) ->
    case stanza_gate_said:take(Info, State) of none -> State; Taken -> {stop, Taken} end.

%% Another process takes the session over, and is told how much is handled.
on_call(State, {resume_session, _} = Call, From) -> stanza_gate_said:when_finished(Call, From, State);
on_call(State, _, _From) -> State.

%% The client has closed its stream: it can still be answered.
on_closed(State, {stream, reset}) ->
    Finished = stanza_gate_said:finish_and_hear(State#{stream_state := established}),
    (stanza_gate_counted:tell_now(Finished))#{stream_state := disconnected};
on_closed(State, _) ->
    State.

%% Stanzas from elsewhere ---------------------------------------------------------------------------------------------

%% A stream of another server.
hold_from_server({Packet, State}) ->
    #jid{lserver = To} = xmpp:get_to(Packet),
    % The second lock of mod_federated_sites.
    case mod_federated_sites:is_proved(State) of
        true -> {stop, {drop, stanza_gate_stream:say(<<"s2s">>, ejabberd_router:host_of_route(To), Packet, State)}};
        false -> {stop, {drop, State}}
    end.

%% A server has proved who it is: one that is no site is turned away now, and not at its first stanza.
on_server_proved(#{server_host := Host} = State, true, Server) ->
    case ejabberd_s2s:allow_host(Host, Server) of
        true ->
            State;
        false ->
            {stop, ejabberd_s2s_in:send(State, mod_federated_sites:refusal())}
    end;
on_server_proved(State, _, _) ->
    State.

hold_from_component({Packet, #{remote_server := Component} = State}) ->
    #{gate := Gate} = persistent_term:get({stanza_gate, options}),
    case {Component, xmpp:get_from(Packet)} of
        {Gate, _} ->
            stanza_gate_window:from_gate(self(), [xmpp:encode(El) || El <- xmpp:get_els(Packet)]),
            {stop, {drop, State}};
        {_, #jid{lserver = Component}} ->
            {stop, {drop, stanza_gate_stream:say(<<"component">>, Component, Packet, State)}};
        _ ->
            % It speaks in the name of another component.
            {stop, {drop, State}}
    end.

note_component(Component) ->
    case persistent_term:get({stanza_gate, options}) of
        #{gate := Component} -> stanza_gate_window:gate_connected(self());
        _ -> ok
    end.

%% Sessions -----------------------------------------------------------------------------------------------------------

%% Events wait for the gate without a time limit: if too many wait, nobody else may begin a session (5.1). ejabberd asks nobody
%% before it has opened one, so that ends at once.
on_opened(#{lserver := Host} = Opened) ->
    State = stanza_gate_takeover:succeed(Opened),
    Name = stanza_gate_session:new_name(),
    case catch stanza_gate_window:opened(Host, Name, {<<"bind">>, stanza_gate_session:transport(State)}) of
        ok ->
            stanza_gate_made:in_session(Name),
            State#{stanza_gate_session => Name};
        _ ->
            {stop, ejabberd_c2s:send(State, xmpp:serr_resource_constraint(
                <<"This line is recorded, and recording is interrupted. Please try again in a moment.">>, <<"en">>))}
    end.

%% A session that is resumed keeps its name.
on_copied(State, Old) ->
    stanza_gate_made:in_session(maps:get(stanza_gate_session, Old, undefined)),
    Kept = maps:merge(State, maps:with([stanza_gate_session, stanza_gate_unheard_errors], Old)),
    Kept#{stanza_gate_former => stanza_gate_takeover:announce(Old)}.

on_pending(#{jid := Jid} = State) ->
    note(State, <<"hibernate">>, [{<<"jid">>, jid:encode(Jid)}]).

on_resumed(State) ->
    note(State, <<"resume">>, stanza_gate_session:transport(State)),
    stanza_gate_takeover:take(State).

on_terminated(State, _Reason) ->
    Finished = stanza_gate_takeover:take(stanza_gate_said:finish(State)),
    stanza_gate_takeover:hand_over(stanza_gate_unheard_errors:take_back(Finished)).

%% The process that a resumed session had before ends silently.
on_gone(#{mgmt_state := resumed} = State, _Reason) ->
    State;
on_gone(#{stanza_gate_session := _, jid := Jid} = State, _Reason) ->
    note(State, <<"unbind">>, [{<<"jid">>, jid:encode(Jid)}]);
on_gone(State, _Reason) ->
    State.

note(#{lserver := Host, stanza_gate_session := Name} = State, Event, Attributes) ->
    stanza_gate_window:note(Host, Name, {Event, Attributes}),
    State.

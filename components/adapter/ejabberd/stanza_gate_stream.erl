%% What the stream of another server or of a component has said and is not carried out yet. Each such stream has a process of
%% this kind, which submits what it says, and carries it out in the order in which it was said, each when it has its verdict
%% (docs/ejabberd.md). The stream reads on meanwhile.
%%
%% It outlives the stream: what was held goes its way when the stream ends.

-module(stanza_gate_stream).
-behaviour(gen_server).

-export([say/4]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% When a stream has so much in the window, it reads nothing more (docs/gate-protocol.md, section 5.1).
-define(MOST_STANZAS, 256).
-define(MOST_BYTES, 65536).

%% In the stream's own process: a stanza that came one way to one of our hosts is submitted, and the stream goes on. Gives its
%% state; where its process has died, another one begins.
say(Way, Host, Packet, #{stanza_gate_stream := Pid} = State) ->
    try gen_server:call(Pid, {say, Host, Packet}, infinity) of
        ok -> State
    catch exit:_ ->
        say(Way, Host, Packet, maps:remove(stanza_gate_stream, State))
    end;
say(Way, Host, Packet, State) ->
    {ok, Pid} = gen_server:start(?MODULE, {self(), Way, name(State)}, []),
    ok = gen_server:call(Pid, {say, Host, Packet}, infinity),
    State#{stanza_gate_stream => Pid}.

name(#{stream_id := Id}) -> #{stanza_gate_session => <<"x", Id/binary>>};
name(_) -> #{}.

%% `said` is what waits, the oldest first: {Packet, Size, Asked or {done, Outcome}}. `waits` is the stream, while it has too much.
init({Stream, Way, Name}) ->
    {ok, #{stream => Stream, monitor => erlang:monitor(process, Stream), way => Way, name => Name, said => queue:new(),
           bytes => 0, waits => none, ended => false}}.

handle_call({say, Host, Packet}, From, #{way := Way, name := Name, said := Said, bytes := Bytes} = State) ->
    {Size, Asked} = stanza_gate_session:ask(Way, Host, Name, Packet),
    go_on(State#{said := queue:in({Packet, Size, Asked}, Said), bytes := Bytes + Size, waits := From}).

handle_cast(_, State) -> go_on(State).

handle_info({'DOWN', Monitor, process, _, _}, #{monitor := Monitor} = State) ->
    go_on(State#{ended := true});
handle_info({'DOWN', Ref, process, _, _}, #{said := Said} = State) ->
    % The window has died, and answers nothing more.
    go_on(State#{said := given_up(Ref, Said)});
handle_info(timeout, #{said := Said} = State) ->
    % It has said nothing for longer than it may.
    {value, {_, _, {asked, Ref, _, _}}} = queue:peek(Said),
    erlang:demonitor(Ref, [flush]),
    go_on(State#{said := given_up(Ref, Said)});
handle_info({stanza_gate_answered, Ref}, #{said := Said} = State) ->
    _ = [give_back(Ref) || not queue:any(fun(Each) -> is_asked(Ref, Each) end, Said)],
    go_on(State);
handle_info(_, State) ->
    go_on(State).

is_asked(Ref, {_, _, {asked, Ref, _, _}}) -> true;
is_asked(_, _) -> false.

given_up(Ref, Said) ->
    queue:from_list([case Each of
        {Packet, Size, {asked, Ref, _, _}} -> {Packet, Size, {done, stanza_gate_session:decided(gone, Packet)}};
        _ -> Each
    end || Each <- queue:to_list(Said)]).

%% Nobody waits for it any more: its sender was told so.
give_back(Ref) ->
    case stanza_gate_window:taken(Ref) of
        {carry_out, Seq, _, _} -> stanza_gate_window:failed(Seq);
        _ -> ok
    end.

%% Carry out what is next, as long as it has its outcome.
go_on(#{said := Said, bytes := Bytes} = State) ->
    case queue:out(Said) of
        {empty, _} ->
            rest(State, infinity);
        {{value, {Packet, Size, Asked}}, Rest} ->
            case outcome(Asked, Packet) of
                none ->
                    {asked, _, _, Until} = Asked,
                    rest(State, max(0, Until - erlang:monotonic_time(millisecond)));
                Outcome ->
                    carry_out(Outcome, State),
                    go_on(State#{said := Rest, bytes := Bytes - Size})
            end
    end.

rest(#{ended := true, said := Said} = State, infinity) ->
    true = queue:is_empty(Said),
    {stop, normal, State};
rest(#{waits := From, said := Said, bytes := Bytes} = State, Timeout) ->
    case From =:= none orelse queue:len(Said) >= ?MOST_STANZAS orelse Bytes >= ?MOST_BYTES of
        true ->
            {noreply, State, Timeout};
        false ->
            gen_server:reply(From, ok),
            {noreply, State#{waits := none}, Timeout}
    end.

outcome({done, Outcome}, _) ->
    Outcome;
outcome({asked, Ref, _, _}, Packet) ->
    case stanza_gate_window:taken(Ref) of
        none ->
            none;
        Answer ->
            erlang:demonitor(Ref, [flush]),
            stanza_gate_session:decided(Answer, Packet)
    end.

carry_out({go_on, Released, Seq}, #{way := Way}) ->
    try ejabberd_router:route(numbered(Way, Released, Seq)) of
        _ -> stanza_gate_window:done(Seq)
    catch Class:Reason ->
        logger:error("stanza_gate: a stanza could not be carried out: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)]),
        stanza_gate_window:failed(Seq)
    end;
carry_out({answer, Error}, #{way := <<"s2s">>}) ->
    ejabberd_router:route(Error);
carry_out({answer, Error}, #{stream := Stream}) ->
    xmpp_stream_in:send(Stream, Error);
carry_out({returned, Error}, From) ->
    carry_out({answer, Error}, From);
carry_out(silent, _) ->
    ok.

numbered(<<"s2s">>, Released, Seq) -> stanza_gate_guard:carry(Released, Seq);
numbered(_, Released, _) -> Released.

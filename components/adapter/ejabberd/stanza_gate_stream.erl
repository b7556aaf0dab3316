%% What the streams of another server, or the stream of a component, have said and is not carried out yet. For each such server
%% and component there is a process of this kind, which submits what it says, and carries it out in the order in which it was
%% said, each when it has its verdict (docs/ejabberd.md). The streams read on meanwhile, as long as their server has not all that
%% it may have in the window: it may speak by as many streams as it likes, and counts as one.
%%
%% It outlives the streams: what was held goes its way when they end.

-module(stanza_gate_stream).
-behaviour(gen_server).

-export([say/4, begun/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% When a server or component has so much in the window, nothing more of it is read (docs/gate-protocol.md, section 5.1).
-define(MOST_STANZAS, 256).
-define(MOST_BYTES, 65536).

%% In the stream's own process: a stanza that came one way to one of our hosts is submitted, and the stream goes on. Gives its
%% state; where that process has died, another one begins.
say(Way, Host, Packet, #{stanza_gate_stream := Pid} = State) ->
    try gen_server:call(Pid, {say, Host, name(State), Packet}, infinity) of
        ok -> State
    catch exit:_ ->
        say(Way, Host, Packet, maps:remove(stanza_gate_stream, State))
    end;
say(Way, Host, Packet, State) ->
    say(Way, Host, Packet, State#{stanza_gate_stream => process(Way, State)}).

name(#{stream_id := Id}) -> #{stanza_gate_session => <<"x", Id/binary>>};
name(_) -> #{}.

%% In the stream's own process: a stream of another server to one of our hosts has begun. Of such streams the newest stay, so
%% many; what is left of those whose link was cut counts as well.
begun(Most, #{remote_server := _, server := Host} = State) ->
    Pid = process(<<"s2s">>, State),
    try gen_server:call(Pid, {begun, Host, Most}, infinity) of
        ok -> State#{stanza_gate_stream => Pid}
    catch exit:_ ->
        begun(Most, State)
    end.

process(<<"s2s">>, #{remote_server := Server}) ->
    case gen_server:start({global, {?MODULE, node(), Server}}, ?MODULE, {self(), <<"s2s">>}, []) of
        {ok, Pid} -> Pid;
        {error, {already_started, Pid}} -> Pid
    end;
process(Way, _) ->
    {ok, Pid} = gen_server:start(?MODULE, {self(), Way}, []),
    Pid.

%% `said` is what waits, the oldest first: {Packet, Size, Asked or {done, Outcome}}. `waiting` are streams that have said something,
%% and may say more when there is room. `streams` are those that are watched, and `begun` those among them that have begun, the
%% newest first, with our host.
init({Stream, Way}) ->
    {ok, watch(Stream, #{stream => Stream, streams => #{}, begun => [], way => Way, said => queue:new(), bytes => 0, waiting => []})}.

watch(Stream, #{streams := Streams} = State) when is_map_key(Stream, Streams) -> State;
watch(Stream, #{streams := Streams} = State) -> State#{streams := Streams#{Stream => erlang:monitor(process, Stream)}}.

handle_call({say, Host, Name, Packet}, {Stream, _} = From, State) ->
    #{way := Way, said := Said, bytes := Bytes, waiting := Waiting} = Watched = watch(Stream, State),
    {Size, Asked} = stanza_gate_session:ask(Way, Host, Name, Packet),
    go_on(Watched#{said := queue:in({Packet, Size, Asked}, Said), bytes := Bytes + Size, waiting := Waiting ++ [From]});
handle_call({begun, Host, Most}, {Stream, _} = From, State) ->
    #{begun := Begun} = Watched = watch(Stream, State),
    gen_server:reply(From, ok),
    {Stay, Go} = newest(Most, Host, [{Host, Stream} | Begun]),
    lists:foreach(fun close/1, Go),
    go_on(Watched#{begun := Stay}).

newest(Most, Host, Begun) ->
    {Alike, Others} = lists:partition(fun({To, _}) -> To =:= Host end, Begun),
    {Stay, Go} = lists:split(min(Most, length(Alike)), Alike),
    {Stay ++ Others, Go}.

close({Host, Stream}) ->
    logger:warning("stanza_gate: another site has more streams to ~ts than it may: the oldest is closed", [Host]),
    Why = <<"Your server has too many streams to this one">>,
    xmpp_stream_in:send(Stream, xmpp:serr_conflict(Why, <<"en">>)).

handle_cast(_, State) -> go_on(State).

handle_info({'DOWN', _, process, Stream, _}, #{streams := Streams, begun := Begun} = State) when is_map_key(Stream, Streams) ->
    go_on(State#{streams := maps:remove(Stream, Streams), begun := lists:keydelete(Stream, 2, Begun)});
handle_info({'DOWN', Ref, process, _, _}, #{said := Said} = State) ->
    % The window has died, and answers nothing more.
    go_on(State#{said := given_up(Ref, Said)});
handle_info(timeout, #{said := Said} = State) ->
    % It has said nothing for longer than it may.
    {value, {_, _, {asked, Ref, _, _}}} = queue:peek(Said),
    erlang:demonitor(Ref, [flush]),
    go_on(State#{said := given_up(Ref, Said)});
handle_info({stanza_gate_answered, Refs}, #{said := Said} = State) ->
    [give_back(Ref) || Ref <- Refs, not queue:any(fun(Each) -> is_asked(Ref, Each) end, Said)],
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

rest(#{streams := Streams} = State, infinity) when map_size(Streams) =:= 0 ->
    {stop, normal, State};
rest(#{waiting := Waiting, said := Said, bytes := Bytes} = State, Timeout) ->
    case queue:len(Said) >= ?MOST_STANZAS orelse Bytes >= ?MOST_BYTES of
        true ->
            {noreply, State, Timeout};
        false ->
            [gen_server:reply(From, ok) || From <- Waiting],
            {noreply, State#{waiting := []}, Timeout}
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

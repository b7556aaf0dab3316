%% What was given to another node of a cluster, until it has arrived there: when that node is lost, whoever said it is told so.
%%
%% Who sends something notes it in the table before; the window's process, to which the table belongs, forgets it when the rounds
%% are over by which it has arrived (stanza_gate_quiet). Only what has a number is noted, and only its answer is kept.

-module(stanza_gate_afar).

-export([open/0, is_any/0, seen/3, lost/1, send/2, to_room/1, to_process/2]).

-include("xmpp.hrl").

-define(BEGUN, begun).
%% A node that is silent is lost before that (net_ticktime). What it has not confirmed by then, as its processes never rest, it has.
-define(KEPT_MS, 30000).

%% Entries are {{SinceMs, Key}, Node, Ticket, Seq, Answer}; `begun` has the newest round.
open() ->
    ets:new(?MODULE, [named_table, public, {write_concurrency, true}]),
    seen(now_ms(), stanza_gate_quiet:new(), []).

%% What has arrived by the rounds that are over is forgotten. A node that is gone was asked nothing: the window only has not heard of it
%% yet, and gives back what was on its way there when it does.
seen(Now, #{begun := Begun} = Quiet, Nodes) ->
    ets:insert(?MODULE, {?BEGUN, Begun}),
    Ended = stanza_gate_quiet:ended(Quiet),
    Arrived = [{{'_', Node, '$1', '_', '_'}, [{'=<', '$1', Ended}], [true]} || Node <- Nodes],
    TooOld = {{{'$1', '_'}, '_', '_', '_', '_'}, [{'=<', '$1', Now - ?KEPT_MS}], [true]},
    ets:select_delete(?MODULE, [TooOld | Arrived]).

is_any() -> ets:info(?MODULE, size) > 1.

%% A node is gone. Gives what was on its way there, as {Seq, Answer}.
lost(Node) ->
    Keys = ets:select(?MODULE, [{{'$1', Node, '_', '_', '_'}, [], ['$1']}]),
    lists:usort(lists:flatmap(fun taken/1, Keys)).

taken(Key) ->
    try ets:take(?MODULE, Key) of Found -> [{Seq, Answer} || {_, _, _, Seq, Answer} <- Found]
    catch error:badarg -> []
    end.

%% Send a process of another node something. What cannot be sent now goes back to whoever said it: ejabberd would drop it. Nobody
%% waits for a node that takes nothing.
send(To, What) ->
    Key = note(To, What),
    case erlang:send(To, What, [nosuspend, noconnect]) of
        ok ->
            true;
        _ ->
            [stanza_gate_undone:give_up(Each) || Each <- taken(Key)],
            false
    end.

note(To, {route, Packet}) when is_pid(To) ->
    case stanza_gate_undone:is_released_here(Packet) andalso not is_heard_here(Packet) of
        true -> enter(node(To), Packet);
        false -> none
    end;
note(_, _) ->
    none.

%% What goes to a room of another node is handed over by mod_muc itself: `lost` where that node is gone, and the room not yet.
to_room(Packet) ->
    #jid{luser = Room, lserver = Domain} = xmpp:get_to(Packet),
    to_process(stanza_gate_hosts:room_process(Room, Domain), Packet).

to_process(Pid, Packet) when is_pid(Pid), node(Pid) =/= node() ->
    Key = enter(node(Pid), Packet),
    % A node that is lost from now on takes what was noted with it.
    case lists:member(node(Pid), nodes()) of
        true ->
            sent;
        false ->
            [stanza_gate_undone:give_up(Each) || Each <- taken(Key)],
            lost
    end;
to_process(_, _) ->
    none.

enter(Node, Packet) ->
    {_, Seq} = stanza_gate_guard:carried(Packet),
    Key = {now_ms(), erlang:unique_integer()},
    try ets:lookup_element(?MODULE, ?BEGUN, 2) of
        Begun ->
            Ticket = stanza_gate_quiet:ticket(#{begun => Begun}),
            ets:insert(?MODULE, {Key, Node, Ticket, Seq, stanza_gate_session:lost(Packet)}),
            Key
    catch error:badarg ->
        % The window has died, and with it whatever would be told.
        none
    end.

%% What goes to a person, and not to one of their clients, is heard by each of the foremost: one that is here has it.
is_heard_here(#message{to = #jid{luser = User, lserver = Host, lresource = <<>>}}) ->
    Present = ejabberd_sm:get_user_present_resources(User, Host),
    Most = lists:max([0 | [Priority || {Priority, _} <- Present]]),
    lists:any(fun({Priority, Resource}) ->
        Pid = ejabberd_sm:get_session_pid(User, Host, Resource),
        Priority =:= Most andalso is_pid(Pid) andalso node(Pid) =:= node()
    end, Present);
is_heard_here(_) ->
    false.

now_ms() -> erlang:monotonic_time(millisecond).

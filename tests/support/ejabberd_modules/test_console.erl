%% What a test asks of a running ejabberd: expressions, one for each line, on a loopback port of the test's own.

-module(test_console).

-export([start/0, befriend/2, register/2, settle/0]).

-include("xmpp.hrl").

start() ->
    Port = list_to_integer(os:getenv("TEST_CONSOLE_PORT")),
    spawn(fun() ->
        {ok, Listener} = gen_tcp:listen(Port, [binary, {packet, line}, {active, false}, {ip, {127, 0, 0, 1}},
                                               {reuseaddr, true}, {buffer, 65536}]),
        accept(Listener)
    end).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    answer(Socket),
    accept(Listener).

answer(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Line} ->
            Said = try io_lib:format("~0tp", [evaluate(binary_to_list(Line))])
                   catch Class:Reason -> io_lib:format("crashed: ~0tp", [{Class, Reason}])
                   end,
            ok = gen_tcp:send(Socket, [unicode:characters_to_binary(Said), "\n"]),
            answer(Socket);
        {error, closed} ->
            ok
    end.

evaluate(Line) ->
    {ok, Tokens, _} = erl_scan:string(Line),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, []),
    Value.

%% What a test begins with is on the disk, also if it kills the server at once.
register(Jid, Password) ->
    #jid{user = User, server = Server} = jid:decode(Jid),
    ok = ejabberd_auth:try_register(User, Server, Password),
    mnesia:sync_log().

%% Two people in each other's rosters, subscribed both ways.
befriend(One, Other) ->
    [mod_roster:set_item_and_notify_clients(
        jid:decode(Owner), #roster_item{jid = jid:decode(Contact), subscription = both}, true)
     || {Owner, Contact} <- [{One, Other}, {Other, One}]],
    mnesia:sync_log().

%% Wait until nothing is on its way inside the server, but what waits for the gate.
settle() -> settle(3).

settle(0) -> ok;
settle(Quiet) ->
    timer:sleep(10),
    case lists:any(fun is_busy/1, processes()) of
        true -> settle(3);
        false -> settle(Quiet - 1)
    end.

%% A process that the machine has put aside in the middle of its work is busy, with or without messages. This one asks.
is_busy(Pid) when Pid =:= self() ->
    false;
is_busy(Pid) ->
    case process_info(Pid, [message_queue_len, current_function, status]) of
        [{message_queue_len, Count}, {current_function, Where}, {status, Status}] ->
            lists:member(Status, [running, runnable, garbage_collecting])
                orelse Count > 0 andalso not lists:member(Where, [{gen, do_call, 4}, {stanza_gate_window, await, 4}]);
        undefined -> false
    end.

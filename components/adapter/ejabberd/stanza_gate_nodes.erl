%% The windows of a cluster's nodes, as they ask one another whether what was on its way has arrived (docs/decisions/0334).
%%
%% A round (stanza_gate_quiet) is over when it is over on each node. So this node asks the others when a round begins; each answers
%% when every process that was busy there has been seen idle since. What a node's processes have sent to a third node by then is
%% there before it answers: it has asked that node for a sign, which goes the same way. The window's process owns `asks`: who has
%% asked this node, and what it still waits for.

-module(stanza_gate_nodes).

-export([open/0, ask_all/0, is_unanswered/1, answer/1, heard/2]).

-define(WINDOW, stanza_gate_window).

%% The table has the questions that nobody has answered.
open() ->
    ets:new(?MODULE, [named_table]),
    _ = net_kernel:monitor_nodes(true),
    [].

%% A round begins: ask the others. Gives a reference for each question.
ask_all() -> [ask(Node, stanza_gate_look) || Node <- nodes()].

%% Whoever is gone, or was never there, is not waited for.
ask(Node, What) ->
    Ref = erlang:monitor(process, {?WINDOW, Node}),
    ets:insert(?MODULE, {Ref}),
    erlang:send({?WINDOW, Node}, {What, {self(), Ref}}, [noconnect]),
    Ref.

is_unanswered(Ref) -> ets:member(?MODULE, Ref).

%% What comes to the window's process from elsewhere.
heard({stanza_gate_look, From}, #{asks := Asks} = State) ->
    answer(State#{asks := [{From, stanza_gate_quiet:busy(), false} | Asks]});
heard({stanza_gate_sign, From}, State) ->
    reply(From),
    State;
heard({stanza_gate_looked, Ref}, State) ->
    erlang:demonitor(Ref, [flush]),
    ets:delete(?MODULE, Ref),
    State;
heard({nodedown, Node}, State) ->
    lost(Node),
    State;
heard({'DOWN', Ref, process, {?WINDOW, Node}, Why}, State) ->
    _ = [lost(Node) || Why =:= noconnection],
    ets:delete(?MODULE, Ref),
    State;
heard(_, State) ->
    State.

%% What was on its way to that node did not arrive, or nobody knows. The window never waits for the server: the carrier does.
lost(Node) ->
    case stanza_gate_afar:lost(Node) of
        [] ->
            ok;
        Lost ->
            logger:error("stanza_gate: ~p is lost: ~p stanzas that were on their way there go back", [Node, length(Lost)]),
            stanza_gate_carrier:give_up(Lost)
    end.

%% Answer whom there is an answer for.
answer(#{asks := Asks} = State) ->
    State#{asks := lists:flatmap(fun step/1, Asks)}.

step({{Asker, _} = From, Pending, IsSent}) ->
    case {[Each || Each <- Pending, stanza_gate_quiet:is_pending(Each)], IsSent} of
        {[], true} -> reply(From), [];
        {[], false} -> step({From, [ask(Node, stanza_gate_sign) || Node <- nodes(), Node =/= node(Asker)], true});
        {Left, _} -> [{From, Left, IsSent}]
    end.

reply({Asker, Ref}) -> erlang:send(Asker, {stanza_gate_looked, Ref}, [noconnect]).

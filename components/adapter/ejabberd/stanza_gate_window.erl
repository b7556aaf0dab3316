%% The window, as sessions and streams see it: what they hold, and what they tell (docs/gate-protocol.md, sections 4 and 5).
%%
%% The answer to what was submitted is laid down in a table, and whoever asked gets a message that it is there. It is not in
%% the message: the process of a session takes its messages into a queue of its own, where it cannot look for one. The
%% window's process is stanza_gate_server's, and the table is this process's.

-module(stanza_gate_window).

-export([start_link/1, open/0, ask/4, ask_arrived/0, answer/2, answer_all/1, taken/1, await/2, gone/1, forget_gone/0, opened/3, note/3, note_made/4, done/1, failed/1, refused/1, carrying/2, turned_away/0, stop/1,
         gate_connected/1, from_gate/2]).

%% How much longer a caller waits for this process than this process for the gate.
-define(PATIENCE_MS, 2000).

start_link(Options) ->
    gen_server:start_link({local, ?MODULE}, stanza_gate_server, Options, []).

open() ->
    ets:new(?MODULE, [named_table, public, {write_concurrency, true}]).

%% Submit a stanza, whose head has way and session. Gives {asked, Ref, Window, Until}. When there is an answer,
%% {stanza_gate_answered, Refs} comes; when the window dies, a 'DOWN' with this Ref.
ask(Head, Stanza, Size, TimeoutMs) ->
    case whereis(?MODULE) of
        Window when is_pid(Window) ->
            Ref = erlang:monitor(process, Window),
            gen_server:cast(Window, {hold, {self(), Ref}, Head, Stanza, Size}),
            {asked, Ref, Window, now_ms() + TimeoutMs + ?PATIENCE_MS};
        undefined ->
            exit(noproc)
    end.

%% Ask to be told, by the answer `arrived`, when all that is carried out now has come to the end of its way. Gives a Ref, as above.
ask_arrived() ->
    Ref = erlang:monitor(process, ?MODULE),
    gen_server:cast(?MODULE, {arrived, {self(), Ref}}),
    Ref.

%% Answer who asked: {carry_out, Seq, Receipt, Amended}, {answer, Error}, silent, or {bounced, Reason}.
answer(From, Answer) -> answer_all([{From, Answer}]).

%% The same for many: each process gets one message for all that it had asked.
answer_all(Answers) ->
    ets:insert(?MODULE, [{Ref, Pid, Answer} || {{Pid, Ref}, Answer} <- Answers]),
    ByPid = lists:foldl(fun({{Pid, Ref}, _}, Acc) -> Acc#{Pid => [Ref | maps:get(Pid, Acc, [])]} end, #{}, Answers),
    maps:foreach(fun(Pid, Refs) -> Pid ! {stanza_gate_answered, Refs} end, ByPid).

%% Take the answer, if it is there: `none` otherwise.
taken(Ref) ->
    try ets:take(?MODULE, Ref) of
        [{_, _, Answer}] -> Answer;
        [] -> none
    catch error:badarg -> none
    end.

%% A process has died, and takes no answers any more.
gone(Pid) ->
    ets:match_delete(?MODULE, {'_', Pid, '_'}).

%% What nobody takes any more: whoever had asked has ended, and not waited for it. All of them are processes of this node.
forget_gone() ->
    Askers = lists:usort(ets:select(?MODULE, [{{'_', '$1', '_'}, [], ['$1']}])),
    lists:foreach(fun(Pid) -> is_process_alive(Pid) orelse gone(Pid) end, Askers).

%% Wait for the answer: `gone` when the window dies, or does not answer in time; {meanwhile, Info} when something comes first
%% that is for this session's client, if that is to be heard.
await({asked, Ref, Window, Until}, HearsOthers) ->
    case taken(Ref) of none -> await(Ref, Window, Until, HearsOthers); Answer -> Answer end.

%% The window is watched again: what says that it has died may be in the queue where nobody can look.
await(Ref, Window, Until, HearsOthers) ->
    Again = erlang:monitor(process, Window),
    Answer = await(Ref, Again, Until, HearsOthers, []),
    erlang:demonitor(Again, [flush]),
    Answer.

%% What else was answered meanwhile, this process is told again.
await(Ref, Again, Until, HearsOthers, Others) ->
    receive
        {stanza_gate_answered, Refs} ->
            case taken(Ref) of
                none -> await(Ref, Again, Until, HearsOthers, Refs ++ Others);
                Answer -> told_again(Refs ++ Others), Answer
            end;
        {'DOWN', Again, process, _, _} -> told_again(Others), gone;
        {route, _} = Info when HearsOthers -> told_again(Others), {meanwhile, Info}
    after max(0, Until - now_ms()) ->
        told_again(Others),
        gone
    end.

told_again([]) -> ok;
told_again(Refs) -> self() ! {stanza_gate_answered, Refs}.

%% Submit that a session has begun: ok, or `full` when too many events wait for the gate. Exits when this process does not answer.
opened(Host, Session, Event) ->
    gen_server:call(?MODULE, {opened, #{host => Host, way => <<"session">>, session => Session}, Event}, ?PATIENCE_MS).

%% Submit an event of a session, which waits for nothing.
note(Host, Session, Event) ->
    gen_server:cast(?MODULE, {note, #{host => Host, way => <<"session">>, session => Session}, Event}).

%% Submit what the server made in somebody's name, which waits for nothing either. What is stopped goes nowhere.
note_made(Host, Session, Stanza, Stopped) ->
    gen_server:cast(?MODULE, {note_made, #{host => Host, way => <<"server">>, session => Session, stopped => Stopped}, Stanza}).

%% A released stanza is carried out, or was not. The number may be {Node, Seq}, of the window of another node.
done(Seq) -> tell(done, Seq).
failed(Seq) -> tell(failed, Seq).

%% The server itself has answered a released stanza with an error.
refused(Seq) -> tell(refused, Seq).

tell(What, {Node, Seq}) -> gen_server:cast({?MODULE, Node}, {What, Seq});
tell(What, Seq) -> gen_server:cast(?MODULE, {What, Seq}).

%% The server stops: take nothing more, and return when all that is held is done with, at the latest after this time.
stop(WithinMs) -> gen_server:call(?MODULE, {stop, WithinMs}, WithinMs + ?PATIENCE_MS).

%% This process carries out what the gate had asked for.
carrying(Seq, Pid) -> gen_server:cast(?MODULE, {carrying, Seq, Pid}).

%% A stanza was answered with an error and never had a number.
turned_away() -> gen_server:cast(?MODULE, turned_away).

gate_connected(Pid) -> gen_server:cast(?MODULE, {gate_connected, Pid}).
from_gate(Pid, Children) -> gen_server:cast(?MODULE, {from_gate, Pid, Children}).

now_ms() -> erlang:monotonic_time(millisecond).

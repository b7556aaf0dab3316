%% The window, as sessions and streams see it: what they hold, and what they tell (docs/gate-protocol.md, sections 4 and 5).
%%
%% Sessions wait here for their verdict (hold/4), so each has one stanza in the window. The process is stanza_gate_server's.

-module(stanza_gate_window).

-export([start_link/1, hold/4, opened/3, note/3, note_made/4, done/1, failed/1, refused/1, carrying/2, turned_away/0, stop/1,
         gate_connected/1, from_gate/2]).

%% How much longer a caller waits for this process than this process for the gate.
-define(PATIENCE_MS, 2000).

start_link(Options) ->
    gen_server:start_link({local, ?MODULE}, stanza_gate_server, Options, []).

%% Submit a stanza and wait for its verdict: {carry_out, Seq, Receipt, Amended}, {answer, Error}, silent, or
%% {bounced, Reason}. The head has way and session. Exits when this process does not answer.
hold(Head, Stanza, Size, TimeoutMs) ->
    gen_server:call(?MODULE, {hold, Head, Stanza, Size}, TimeoutMs + ?PATIENCE_MS).

%% Submit that a session has begun: ok, or `full` when too many events wait for the gate. Exits when this process does not answer.
opened(Host, Session, Event) ->
    gen_server:call(?MODULE, {opened, #{host => Host, way => <<"session">>, session => Session}, Event}, ?PATIENCE_MS).

%% Submit an event of a session, which waits for nothing.
note(Host, Session, Event) ->
    gen_server:cast(?MODULE, {note, #{host => Host, way => <<"session">>, session => Session}, Event}).

%% Submit what the server made in somebody's name, which waits for nothing either. What is stopped goes nowhere.
note_made(Host, Session, Stanza, Stopped) ->
    gen_server:cast(?MODULE, {note_made, #{host => Host, way => <<"server">>, session => Session, stopped => Stopped}, Stanza}).

%% A released stanza is carried out, or was not.
done(Seq) -> gen_server:cast(?MODULE, {done, Seq}).
failed(Seq) -> gen_server:cast(?MODULE, {failed, Seq}).

%% The server itself has answered a released stanza with an error.
refused(Seq) -> gen_server:cast(?MODULE, {refused, Seq}).

%% The server stops: take nothing more, and return when all that is held is done with, at the latest after this time.
stop(WithinMs) -> gen_server:call(?MODULE, {stop, WithinMs}, WithinMs + ?PATIENCE_MS).

%% This process carries out what the gate had asked for.
carrying(Seq, Pid) -> gen_server:cast(?MODULE, {carrying, Seq, Pid}).

%% A stanza was answered with an error and never had a number.
turned_away() -> gen_server:cast(?MODULE, turned_away).

gate_connected(Pid) -> gen_server:cast(?MODULE, {gate_connected, Pid}).
from_gate(Pid, Children) -> gen_server:cast(?MODULE, {from_gate, Pid, Children}).

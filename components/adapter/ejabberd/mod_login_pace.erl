%% Gives wrong passwords a pace (login_pace): one process counts for all hosts, and is asked at each login.

-module(mod_login_pace).
-behaviour(gen_mod).
-behaviour(gen_server).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_doc/0]).
-export([start_link/0, init/1, handle_call/3, handle_cast/2]).
-export([on_login/3]).

-include("xmpp.hrl").

%% Before whatever else looks at a login.
-define(FIRST, 1).

start(Host, _Options) ->
    Child = #{id => ?MODULE, start => {?MODULE, start_link, []}, restart => permanent},
    case supervisor:start_child(ejabberd_gen_mod_sup, Child) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok
    end,
    ejabberd_hooks:add(c2s_auth_result, Host, ?MODULE, on_login, ?FIRST).

stop(Host) -> ejabberd_hooks:delete(c2s_auth_result, Host, ?MODULE, on_login, ?FIRST).

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [].

mod_options(_Host) -> [].

mod_doc() -> #{desc => <<"Gives wrong passwords a pace.">>}.

%% Somebody has said a password, right or wrong. Where too many were wrong, a right one is answered as they are.
on_login(#{ip := {Address, _}, lserver := Host} = State, Result, User) ->
    case gen_server:call(?MODULE, {login, Address, {account(User), Host}, Result =:= true}) of
        goes_on -> State;
        is_spent -> {stop, refuse(State)}
    end;
on_login(State, _, _) ->
    State.

%% However it is spelt.
account(User) ->
    case jid:nodeprep(User) of error -> <<>>; Account -> Account end.

%% Clients try again later, and do not ask for another password.
refuse(State) ->
    Text = <<"Too many wrong passwords came from here. Please wait some minutes, then try again.">>,
    Failure = #sasl_failure{reason = 'temporary-auth-failure', text = xmpp:mk_text(Text, <<"en">>)},
    ejabberd_c2s:send(ejabberd_c2s:send(State, Failure), xmpp:serr_policy_violation(Text, <<"en">>)).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) -> {ok, login_pace:new()}.

handle_call({login, Address, User, IsRight}, _, Pace) ->
    Now = erlang:monotonic_time(millisecond),
    case {login_pace:is_spent(Address, User, Now, Pace), IsRight} of
        {true, _} -> {reply, is_spent, Pace};
        {false, true} -> {reply, goes_on, Pace};
        {false, false} -> {reply, goes_on, login_pace:wrong(Address, User, Now, Pace)}
    end.

handle_cast(_, Pace) -> {noreply, Pace}.

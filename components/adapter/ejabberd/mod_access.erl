%% What the access component asks of the server (docs/admission.md): accounts are made and removed, and sessions ended, by
%% administration commands (XEP-0133); and the server tells it of each session that comes online, so that it can send the
%% notice of the recording. There is no policy in this file, and nobody else may use the commands.
%%
%% The password that an account is made with comes over the line, and so is in a record. The one that is handed over does
%% not: `take-password` has the server read it from the component's own folder of first passwords.
%%
%% ejabberd's mod_configure is not loaded: it has a hundred more commands.

-module(mod_access).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0]).
-export([on_command/4, on_presence/1, on_removed/2, password_file/2]).

-include("xmpp.hrl").

-define(XMLNS, <<"urn:steelyard:access:0">>).
-define(ADMIN, "http://jabber.org/protocol/admin#").

start(Host, _Options) ->
    [ejabberd_hooks:add(Hook, Host, ?MODULE, Function, At) || {Hook, Function, At} <- hooks()],
    ok.

stop(Host) ->
    [ejabberd_hooks:delete(Hook, Host, ?MODULE, Function, At) || {Hook, Function, At} <- hooks()],
    ok.

%% A removed account's sessions are told before ejabberd ends them; a presence is announced when the rest has been done for it.
hooks() ->
    [{adhoc_local_commands, on_command, 50}, {remove_user, on_removed, 10}, {c2s_self_presence, on_presence, 90}].

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [{mod_adhoc, hard}].

mod_opt_type(component) -> econf:domain();
mod_opt_type(passwords) -> econf:binary().

mod_options(_Host) -> [component, passwords].

mod_doc() -> #{desc => <<"Accounts by the access component.">>}.

option(Host, Name) -> gen_mod:get_module_opt(Host, ?MODULE, Name).

%% Commands -----------------------------------------------------------------------------------------------------------

on_command(Before, From, #jid{lserver = Host}, #adhoc_command{node = Node} = Request) ->
    case {act(Node), is_component(From, Host)} of
        {none, _} -> Before;
        {_, false} -> {error, xmpp:err_forbidden()};
        {Act, true} -> {stop, step(Request, Act, Host)}
    end.

is_component(#jid{luser = <<>>, lserver = Server, lresource = <<>>}, Host) -> Server =:= option(Host, component);
is_component(_, _) -> false.

act(<<?ADMIN, "add-user">>) -> add;
act(<<?ADMIN, "delete-user">>) -> delete;
act(<<?ADMIN, "end-user-session">>) -> end_sessions;
act(<<"urn:steelyard:access:0#take-password">>) -> take_password;
act(_) -> none.

%% The first step asks for the form, which the component knows; the second has it.
step(#adhoc_command{xdata = undefined} = Request, _, _) ->
    xmpp_util:make_adhoc_response(Request, #adhoc_command{status = executing, xdata = #xdata{type = form}});
step(#adhoc_command{xdata = Form} = Request, Act, Host) ->
    Notes = case account(Form, Host) of
        {User, _} = Account when User =/= <<>> -> carry_out(Act, Account, Form);
        _ -> failed(<<"this is no account of this server">>)
    end,
    %% Mnesia writes down what has changed some seconds later. Killed before this line, the server has answered nothing; killed
    %% after it, it has kept the change.
    stanza_gate_written:write(),
    xmpp_util:make_adhoc_response(Request, #adhoc_command{status = completed, notes = Notes}).

account(Form, Host) ->
    case [Value || Name <- [<<"accountjid">>, <<"accountjids">>], Value <- xmpp_util:get_xdata_values(Name, Form)] of
        [Address] ->
            try jid:decode(Address) of
                #jid{luser = User, lserver = Host, lresource = <<>>} -> {User, Host};
                _ -> none
            catch error:{bad_jid, _} -> none
            end;
        _ ->
            none
    end.

carry_out(add, {User, Host}, Form) ->
    [Password | _] = xmpp_util:get_xdata_values(<<"password">>, Form) ++ [<<>>],
    case ejabberd_auth:try_register(User, Host, Password) of
        ok -> [];
        {error, exists} -> failed(<<"this account already exists">>);
        {error, Reason} -> failed(io_lib:format("the account could not be made: ~0p", [stanza_gate_guard:name_of(Reason)]))
    end;
carry_out(delete, {User, Host}, _) ->
    ejabberd_auth:remove_user(User, Host),
    case ejabberd_auth:user_exists(User, Host) of
        false -> [];
        _ -> failed(<<"the account could not be removed">>)
    end;
carry_out(end_sessions, Account, _) ->
    end_sessions(Account, xmpp:serr_policy_violation(<<"Your access to this line has ended.">>, <<"en">>)),
    [];
carry_out(take_password, {User, Host}, _) ->
    File = password_file(option(Host, passwords), {User, Host}),
    case {ejabberd_auth:user_exists(User, Host), file:read_file(File)} of
        {true, {ok, Text}} ->
            case ejabberd_auth:set_password(User, Host, string:trim(Text)) of
                ok -> [];
                {error, Reason} -> failed(io_lib:format("the password was not taken: ~0p", [stanza_gate_guard:name_of(Reason)]))
            end;
        {true, {error, Reason}} ->
            failed(io_lib:format("the password could not be read: ~s", [file:format_error(Reason)]));
        _ ->
            failed(<<"there is no such account">>)
    end.

failed(Text) -> [#adhoc_note{type = error, data = unicode:characters_to_binary(Text)}].

%% Where the component keeps the password that is about to be set. An address has no slash before its resource.
password_file(Folder, {User, Host}) ->
    filename:join(Folder, <<User/binary, "@", Host/binary, ".draft">>).

%% Sessions -----------------------------------------------------------------------------------------------------------

on_removed(User, Host) ->
    end_sessions({User, Host}, xmpp:serr_not_authorized(<<"Your access to this line has ended.">>, <<"en">>)).

%% Also one that waits to be resumed, which hears nothing.
end_sessions({User, Host}, Error) ->
    Sessions = [ejabberd_sm:get_session_pid(User, Host, Resource) || Resource <- ejabberd_sm:get_user_resources(User, Host)],
    lists:foreach(fun(Pid) -> ejabberd_c2s:send(Pid, Error), ejabberd_c2s:stop_async(Pid) end, lists:filter(fun is_pid/1, Sessions)).

%% The server itself says it, to its own component: it has nobody's words in it, and nobody else can send it.
on_presence({#presence{type = available}, #{pres_last := _}} = Said) ->
    Said;
on_presence({#presence{type = available}, #{jid := Jid, lserver := Host}} = Said) ->
    Online = {xmlel, <<"online">>, [{<<"xmlns">>, ?XMLNS}, {<<"jid">>, jid:encode(Jid)}], []},
    Component = option(Host, component),
    _ = [ejabberd_router:route(#message{from = jid:make(Host), to = jid:make(Component), sub_els = [Online]})
         || ejabberd_router:is_my_route(Component)],
    Said;
on_presence(Said) ->
    Said.

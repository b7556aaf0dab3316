%% A person's new password, changed in band (XEP-0077, 3.3): of their own account, and nothing else of it. ejabberd's own module
%% for that also makes and removes accounts, also for who has not logged in. There is no policy in this file: what the gate
%% has released comes by here, and the password is in no record (docs/gate-protocol.md, 4.1).

-module(mod_new_password).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_doc/0]).
-export([change/1]).

-include("xmpp.hrl").

start(Host, _Options) ->
    [gen_iq_handler:add_iq_handler(Of, Host, ?NS_REGISTER, ?MODULE, change) || Of <- [ejabberd_local, ejabberd_sm]],
    ok.

stop(Host) ->
    [gen_iq_handler:remove_iq_handler(Of, Host, ?NS_REGISTER) || Of <- [ejabberd_local, ejabberd_sm]],
    ok.

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [].

mod_options(_Host) -> [].

mod_doc() -> #{desc => <<"Changes the password of the account that asks for it.">>}.

%% To the server, or to the own account.
change(#iq{type = set, from = #jid{luser = User, lserver = Host}, to = #jid{luser = Account, lserver = Host},
           sub_els = [#register{remove = false, xdata = undefined, username = Name, password = Password}]} = Request)
  when User =/= <<>>, Account =:= <<>> orelse Account =:= User, is_binary(Name), is_binary(Password), Password =/= <<>> ->
    case jid:nodeprep(Name) =:= User andalso ejabberd_auth:set_password(User, Host, Password) of
        ok ->
            %% On the disk before it is answered: Mnesia writes it down some seconds later, and the old password would be back
            %% when the server is killed meanwhile.
            stanza_gate_written:write(),
            xmpp:make_iq_result(Request);
        false -> xmpp:make_error(Request, xmpp:err_not_allowed());
        {error, Reason} when Reason =:= db_failure -> xmpp:make_error(Request, xmpp:err_internal_server_error());
        {error, _} -> xmpp:make_error(Request, xmpp:err_not_acceptable())
    end;
change(#iq{type = get, from = #jid{luser = User, lserver = Host}, to = #jid{lserver = Host}} = Request) when User =/= <<>> ->
    xmpp:make_iq_result(Request, #register{registered = true, username = User});
change(Request) ->
    xmpp:make_error(Request, xmpp:err_not_allowed()).

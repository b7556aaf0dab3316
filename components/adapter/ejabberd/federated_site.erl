%% A stream to another site (xmpp_stream_out): it goes where the settings say, and trusts the authority of that site alone.
%% All else is ejabberd's. What fails in here ends the stream, and what waits for it goes back to its senders.

-module(federated_site).

%% What is otherwise than ejabberd has it.
-export([resolve/2, tls_options/1, handle_unauthenticated_features/2]).
%% What is not.
-export([tls_required/1, tls_verify/1, tls_enabled/1, connect_options/3, connect_timeout/1, default_port/1, address_families/1,
         dns_retries/1, dns_timeout/1, handle_auth_success/2, handle_auth_failure/3, handle_packet/2, handle_stream_end/2,
         handle_stream_downgraded/2, handle_stream_established/1, handle_cdata/2, handle_recv/3, handle_send/3,
         handle_timeout/1, handle_call/3, handle_cast/2, handle_info/2, init/1, terminate/2, code_change/3]).

%% Where it is; DNS is asked where this is empty.
resolve(_, #{remote_server := Domain}) ->
    case mod_federated_sites:site(Domain) of
        {ok, #{address := Address, port := Port}} -> [{parsed(binary_to_list(Address)), Port, false}];
        {ok, _} -> []
    end.

parsed(Address) ->
    case inet:parse_strict_address(Address) of {ok, Numbers} -> Numbers; {error, _} -> Address end.

tls_options(#{server := From, server_host := Host, remote_server := Domain}) ->
    {ok, #{authority := File}} = mod_federated_sites:site(Domain),
    ejabberd_s2s:tls_options(From, Host, [{cafile, File}]).

%% It has said what it can do, and is about to be told who we are. Its operator reads why it is not.
handle_unauthenticated_features(Features, #{stream_encrypted := true, remote_server := Domain} = State) ->
    case mod_federated_sites:fault(State) of
        none ->
            said(Features, State);
        Why ->
            logger:warning("stanza_gate: nothing is said to ~ts: ~ts", [Domain, Why]),
            xmpp_stream_out:send(State, xmpp:serr_not_authorized(Why, <<"en">>))
    end;
handle_unauthenticated_features(Features, State) ->
    said(Features, State).

%% What a later ejabberd does itself.
said(Features, #{server_host := Host} = State) ->
    ejabberd_hooks:run_fold(s2s_out_unauthenticated_features, Host, State, [Features]).

tls_required(State) -> ejabberd_s2s_out:tls_required(State).
tls_verify(State) -> ejabberd_s2s_out:tls_verify(State).
tls_enabled(State) -> ejabberd_s2s_out:tls_enabled(State).
connect_options(Address, Options, State) -> ejabberd_s2s_out:connect_options(Address, Options, State).
connect_timeout(State) -> ejabberd_s2s_out:connect_timeout(State).
default_port(State) -> ejabberd_s2s_out:default_port(State).
address_families(State) -> ejabberd_s2s_out:address_families(State).
dns_retries(State) -> ejabberd_s2s_out:dns_retries(State).
dns_timeout(State) -> ejabberd_s2s_out:dns_timeout(State).
handle_auth_success(Mechanism, State) -> ejabberd_s2s_out:handle_auth_success(Mechanism, State).
handle_auth_failure(Mechanism, Reason, State) -> ejabberd_s2s_out:handle_auth_failure(Mechanism, Reason, State).
handle_packet(Packet, State) -> ejabberd_s2s_out:handle_packet(Packet, State).
handle_stream_end(Reason, State) -> ejabberd_s2s_out:handle_stream_end(Reason, State).
handle_stream_downgraded(Start, State) -> ejabberd_s2s_out:handle_stream_downgraded(Start, State).
handle_stream_established(State) -> ejabberd_s2s_out:handle_stream_established(State).
handle_cdata(Data, State) -> ejabberd_s2s_out:handle_cdata(Data, State).
handle_recv(Element, Packet, State) -> ejabberd_s2s_out:handle_recv(Element, Packet, State).
handle_send(Packet, Result, State) -> ejabberd_s2s_out:handle_send(Packet, Result, State).
handle_timeout(State) -> ejabberd_s2s_out:handle_timeout(State).
handle_call(Request, From, State) -> ejabberd_s2s_out:handle_call(Request, From, State).
handle_cast(Message, State) -> ejabberd_s2s_out:handle_cast(Message, State).
handle_info(Info, State) -> ejabberd_s2s_out:handle_info(Info, State).
init(Arguments) -> ejabberd_s2s_out:init(Arguments).
terminate(Reason, State) -> ejabberd_s2s_out:terminate(Reason, State).
code_change(Old, State, Extra) -> ejabberd_s2s_out:code_change(Old, State, Extra).

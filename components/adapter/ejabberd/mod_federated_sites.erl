%% Other sites of the enterprise: where the server of each is, and whose certificates count for it (docs/federation.md).
%%
%% ejabberd trusts the same authorities for everybody. Here TLS with a site trusts the authority of that site alone: OpenSSL
%% itself refuses what another site's authority, or one that this machine trusts, has signed. What comes from another server
%% is heard only when this module has said that the server is a site and has proved it (is_proved/1), so it fails shut when
%% one of the hooks does. Streams to other sites have a module of their own, federated_site.

-module(mod_federated_sites).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([on_sent/3, on_received/3, on_proved/3, on_connecting/2, is_proved/1, site/1, fault/1, refusal/0]).

-include("xmpp.hrl").

-define(KEPT, {stanza_gate, sites}).
-define(MOST, {stanza_gate, site_streams}).
-define(FIRST, 1).
%% After mod_stanza_gate, which turns away who is no site.
-define(BEHIND_IT, 2).

start(Host, #{sites := Sites, streams := Most}) ->
    % What xmpp_stream_out does not find loaded, it does without.
    {module, _} = code:ensure_loaded(federated_site),
    persistent_term:put(?KEPT, Sites),
    persistent_term:put(?MOST, Most),
    lists:foreach(fun({Hook, Function, At}) -> ejabberd_hooks:add(Hook, Host, ?MODULE, Function, At) end,
        [{s2s_in_handle_send, on_sent, ?FIRST}, {s2s_in_handle_recv, on_received, ?FIRST},
         {s2s_in_auth_result, on_proved, ?BEHIND_IT}, {s2s_out_init, on_connecting, ?FIRST}]).

%% The hooks stay: without them a stream trusts others.
stop(_Host) -> ok.

%% Changed sites count from the server's next start on.
reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [].

mod_opt_type(streams) -> econf:pos_int();
mod_opt_type(sites) ->
    econf:map(econf:domain(), econf:options(
        #{authority => econf:file(), pins => econf:list(econf:binary("^[0-9a-f]{64}$")), address => econf:binary(),
          port => econf:int(1, 65535)},
        [{required, [authority]}, {return, map}, unique]), [unique, {return, map}]).

mod_options(_Host) -> [{sites, #{}}, {streams, 8}].

mod_doc() -> #{desc => <<"Knows the other sites of an enterprise by the authority of each.">>}.

%% What is set of a site: {ok, #{authority, pins, address, port}}, or `error` where a domain is none.
site(Domain) -> maps:find(Domain, persistent_term:get(?KEPT, #{})).

refusal() ->
    xmpp:serr_policy_violation(<<"This server talks to the sites of its own enterprise only">>, <<"en">>).

%% Streams of other servers --------------------------------------------------------------------------------------------

%% What the server can do is said to everybody; who is no site, or does not say who it is, hears nothing more.
on_sent(State, #stream_features{}, _) ->
    case known(State) of {ok, _} -> State; error -> refuse(State) end;
on_sent(State, _, _) ->
    State.

%% It begins TLS, which trusts the authority of the site that it says it is. One that was begun without a version (RFC 3920)
%% has heard nothing of TLS.
on_received(#{tls_options := Options, stream_version := Version} = State, _, #starttls{}) ->
    case known(State) of
        {ok, #{authority := File}} when Version =:= {1, 0} ->
            Trusting = lists:keystore(cafile, 1, Options, {cafile, File}),
            State#{tls_options => Trusting, stanza_gate_trusts => maps:get(remote_server, State)};
        _ ->
            refuse(State)
    end;
on_received(State, _, _) ->
    State.

%% Its certificate is right, as far as ejabberd looks at it. That was found with the authority of the site that it said it
%% was then: a stream that names another one now has proved nothing.
on_proved(#{stanza_gate_trusts := Site} = State, true, Site) ->
    case fault(State) of
        none -> stanza_gate_stream:begun(persistent_term:get(?MOST), State#{stanza_gate_proved => Site});
        Why -> close(State, Site, xmpp:serr_not_authorized(Why, <<"en">>))
    end;
on_proved(State, true, Another) ->
    close(State, Another, xmpp:serr_improper_addressing(<<"It began as another server">>, <<"en">>));
on_proved(State, false, Site) ->
    close(State, Site, xmpp:serr_not_authorized(fault(State), <<"en">>)).

%% Whether a stream has proved to be of a site. Without this module (a server to which Steelyard is attached may do without)
%% ejabberd's own settings say who has.
is_proved(#{stanza_gate_proved := _}) -> true;
is_proved(_) -> persistent_term:get(?KEPT, none) =:= none.

known(#{remote_server := Domain}) -> site(Domain);
known(_) -> error.

refuse(State) ->
    logger:warning("stanza_gate: a stream from ~ts is closed: it is not a federated site",
        [maps:get(remote_server, State, <<"an unknown server">>)]),
    ejabberd_s2s_in:send(State, refusal()).

close(State, Site, #stream_error{text = [#text{data = Why}]} = Error) ->
    logger:warning("stanza_gate: a stream from ~ts is closed: ~ts", [Site, Why]),
    {stop, ejabberd_s2s_in:send(State, Error)}.

%% Streams to other servers --------------------------------------------------------------------------------------------

on_connecting({ok, State}, _Options) -> {ok, State#{mod => federated_site}};
on_connecting(Ends, _Options) -> Ends.

%% Certificates ---------------------------------------------------------------------------------------------------------

%% What is wrong with the certificate that the server of a site shows: `none`, or words for its operator. OpenSSL has found
%% whether the site's authority vouches for it now; that it names the site is looked at once more, as a subjectAltName.
fault(#{remote_server := Domain, socket := Socket} = State) ->
    case {site(Domain), xmpp_socket:get_peer_certificate(Socket, der)} of
        {error, _} -> <<"This is no site of the enterprise">>;
        {_, error} -> <<"Your server's certificate is missing">>;
        {{ok, Site}, {ok, Der}} -> told(shown(xmpp_stream_pkix:authenticate(State), Der, Domain, maps:get(pins, Site, [])))
    end.

shown({ok, _}, Der, Domain, Pins) -> site_certificate:fault(Der, Domain, Pins);
shown({error, hostname_mismatch, _}, _, _, _) -> unnamed;
shown({error, 'certificate has expired', _}, _, _, _) -> expired;
shown({error, _, _}, _, _, _) -> untrusted.

told(none) -> none;
told(unnamed) -> <<"Your server's certificate is not valid for this name">>;
told(expired) -> <<"Your server's certificate has expired">>;
told(untrusted) -> <<"Your server's certificate is not trusted">>.

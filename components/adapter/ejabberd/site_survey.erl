%% Tells what a server is that Steelyard shall be attached to, as JSON (docs/attach.md). It changes nothing.
%%
%%   settings      hosts with their modules and rooms' domains, listeners, version, as the server's own loader reads the file
%%                 of EJABBERD_CONFIG_PATH, whether the server runs or not
%%   people NODE   accounts with their contacts and names, and the rooms that are kept: asked of the running server

-module(site_survey).

-export([main/1]).

-include("xmpp.hrl").

-define(TIMEOUT_MS, 30000).

main(What) ->
    Found = try survey(What) catch Class:Reason:Stack -> {fault, io_lib:format("~0tp", [{Class, Reason, hd(Stack)}])} end,
    case Found of
        {fault, Text} -> say(["fault ", Text]), halt(1);
        _ -> say(["survey ", encode(Found)]), halt(0)
    end.

say(Text) -> ok = file:write(standard_io, unicode:characters_to_binary([Text, "\n"])).

encode(Found) ->
    _ = code:ensure_loaded(misc),
    case erlang:function_exported(misc, json_encode, 1) of
        true -> misc:json_encode(Found);
        false -> jiffy:encode(Found)
    end.

%% Settings -------------------------------------------------------------------------------------------------------------------

survey(["settings"]) ->
    _ = application:load(ejabberd),
    {ok, Included} = application:get_key(ejabberd, included_applications),
    [application:ensure_all_started(App) || App <- Included, App =/= mnesia, App =/= os_mon],
    case ejabberd_config:load() of
        ok -> settings();
        Error -> {fault, ejabberd_config:format_error(Error)}
    end;
survey(["people", Name]) ->
    Node = list_to_atom(Name),
    case net_adm:ping(Node) of
        pong -> people(Node);
        pang -> {fault, ["there is no answer from the node ", Name]}
    end.

settings() ->
    #{version => ejabberd_option:version(),
      max_fsm_queue => given(max_fsm_queue),
      hosts => [host(Host) || Host <- ejabberd_option:hosts()],
      listeners => [listener(Each) || Each <- ejabberd_option:listen()]}.

given(Option) ->
    case proplists:get_value(Option, ejabberd_config:get_option(yaml_config)) of
        Number when is_integer(Number) -> Number;
        _ -> null
    end.

host(Host) ->
    Modules = [{Module, Options} || {Module, Options, _} <- ejabberd_option:modules(Host)],
    #{name => Host,
      modules => [Module || {Module, _} <- Modules],
      rooms => lists:flatmap(fun(Options) -> domains(Options, Host) end, [Options || {mod_muc, Options} <- Modules]),
      gate => hd([Gate || {mod_stanza_gate, #{gate := Gate}} <- Modules] ++ [null]),
      replaces_modules => is_in(host_config, Host),
      appends => is_in(append_host_config, Host)}.

domains(Options, Host) ->
    Hosts = case Options of
        #{hosts := [_ | _] = Given} -> Given;
        #{host := Given} -> [Given]
    end,
    [misc:expand_keyword(<<"@HOST@">>, Each, Host) || Each <- Hosts].

%% Whether the configuration says something of this host's modules in one of the two places.
is_in(Place, Host) ->
    Said = proplists:get_value(Place, ejabberd_config:get_option(yaml_config), []),
    lists:any(fun({Name, Options}) -> iolist_to_binary(io_lib:format("~ts", [Name])) =:= Host
                                      andalso lists:keymember(modules, 1, Options) end, Said).

listener({{Port, Address, Transport}, Module, Options}) ->
    Hosts = case Module of ejabberd_service -> [Name || {Name, _} <- maps:get(hosts, Options, [])]; _ -> [] end,
    Handlers = [Handler || {_, Handler} <- maps:get(request_handlers, Options, [])],
    #{port => if is_integer(Port) -> Port; true -> 0 end,
      address => case inet:ntoa(Address) of {error, _} -> <<>>; Text -> list_to_binary(Text) end,
      transport => Transport, module => Module, hosts => Hosts, handlers => Handlers}.

%% People ---------------------------------------------------------------------------------------------------------------------

people(Node) ->
    Hosts = ask(Node, ejabberd_option, hosts, []),
    #{people => [account(Node, User, Host) || Host <- Hosts,
                                              {User, Host1} <- lists:sort(ask(Node, ejabberd_auth, get_users, [Host])),
                                              Host1 =:= Host],
      rooms => lists:flatmap(fun(Host) -> rooms(Node, Host) end, Hosts)}.

ask(Node, Module, Function, Arguments) ->
    erpc:call(Node, Module, Function, Arguments, ?TIMEOUT_MS).

account(Node, User, Host) ->
    Items = ask(Node, ejabberd_hooks, run_fold, [roster_get, Host, [], [{User, Host}]]),
    #{jid => <<User/binary, "@", Host/binary>>, name => name(Node, User, Host),
      contacts => [#{jid => address(Node, Jid), subscription => Is} || #roster_item{jid = Jid, subscription = Is} <- Items]}.

%% Here it would take ejabberd's own libraries, which are not started.
address(Node, Jid) -> ask(Node, jid, encode, [Jid]).

%% The name that a person gave themselves (XEP-0054), if the server keeps such.
name(Node, User, Host) ->
    Card = case ask(Node, gen_mod, is_loaded, [Host, mod_vcard]) of
        true -> ask(Node, mod_vcard, get_vcard, [User, Host]);
        false -> error
    end,
    case Card of
        [Element | _] -> fxml:get_path_s(Element, [{elem, <<"FN">>}, cdata]);
        _ -> <<>>
    end.

%% Rooms that are kept, also those that nobody is in; each storage of the server's knows them (#muc_room{name_host, opts}).
rooms(Node, Host) ->
    case ask(Node, gen_mod, is_loaded, [Host, mod_muc]) of
        true ->
            Storage = ask(Node, gen_mod, db_mod, [Host, mod_muc]),
            [room(Node, element(2, Kept), element(3, Kept)) || Domain <- ask(Node, gen_mod, get_module_opt_hosts, [Host, mod_muc]),
                                                         Kept <- ask(Node, Storage, get_rooms, [Host, Domain])];
        false ->
            []
    end.

room(Node, {Name, Domain}, Options) ->
    #{jid => <<Name/binary, "@", Domain/binary>>,
      name => proplists:get_value(title, Options, <<>>),
      is_members_only => proplists:get_value(members_only, Options, false),
      people => [#{jid => address(Node, {User, Server, <<>>}), affiliation => place(Place)}
                 || {{User, Server, _}, Place} <- affiliations(proplists:get_value(affiliations, Options, []))]}.

affiliations(Kept) when is_map(Kept) -> maps:to_list(Kept);
affiliations(Kept) -> Kept.

place({Place, _Reason}) -> Place;
place(Place) -> Place.

%% Rosters that a privileged entity (XEP-0356) keeps, and nobody else (docs/roster.md, section 5). The entity says who belongs
%% into a roster: there is no policy in this file. On each host whose rosters are kept it
%%   tells the entity that it may keep them, whenever that connects,
%%   sets many items of a roster in one request, each pushed to the owner's sessions with its own version,
%%   pushes to the entity what others change (XEP-0356, 4.4), and has it look at a roster that is empty at login,
%%   and lets nothing but the entity change subscriptions: whoever asks for one, or ends one, changes nothing.
%%
%% ejabberd's mod_privilege is not loaded: 23.01 speaks an older version of XEP-0356, and it takes one item in a request.

-module(mod_managed_rosters).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0]).
-export([decode_iq_subel/1, on_roster/1, on_empty/1, grant/1, on_opened/1, no_subscription/1, no_subscription/2]).

-include("xmpp.hrl").

-define(XMLNS, <<"urn:steelyard:roster:0">>).
-define(XMLNS_PRIVILEGE, <<"urn:xmpp:privilege:2">>).
-define(IS_SUBSCRIPTION(Type),
        Type =:= subscribe; Type =:= subscribed; Type =:= unsubscribe; Type =:= unsubscribed).

start(Host, _Options) ->
    % In the place of mod_roster, which is asked for what is not the entity's.
    gen_iq_handler:add_iq_handler(ejabberd_sm, Host, ?NS_ROSTER, ?MODULE, on_roster),
    gen_iq_handler:add_iq_handler(ejabberd_local, Host, ?XMLNS, ?MODULE, on_empty),
    [ejabberd_hooks:add(Hook, Host, ?MODULE, Function, At) || {Hook, Function, At} <- hooks()],
    ejabberd_hooks:add(component_connected, ?MODULE, grant, 50),
    grant(entity(Host)).

stop(Host) ->
    gen_iq_handler:add_iq_handler(ejabberd_sm, Host, ?NS_ROSTER, mod_roster, process_iq),
    gen_iq_handler:remove_iq_handler(ejabberd_local, Host, ?XMLNS),
    [ejabberd_hooks:delete(Hook, Host, ?MODULE, Function, At) || {Hook, Function, At} <- hooks()],
    ok.

%% Behind the gate's hooks, and before ejabberd's own.
hooks() ->
    [{user_send_packet, no_subscription, 10}, {roster_in_subscription, no_subscription, 10}, {c2s_session_opened, on_opened, 90}].

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [{mod_roster, hard}].

mod_opt_type(entity) -> econf:domain().

mod_options(_Host) -> [entity].

mod_doc() -> #{desc => <<"Rosters that a privileged entity keeps.">>}.

%% The entity ---------------------------------------------------------------------------------------------------------

entity(Host) -> gen_mod:get_module_opt(Host, ?MODULE, entity).

%% A component has connected: on these hosts it may read and write rosters (XEP-0356, 4.2).
grant(Component) ->
    [ejabberd_router:route(#message{from = jid:make(Host), to = jid:make(Component), sub_els = [privilege()]})
     || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, ?MODULE), entity(Host) =:= Component, is_there(Component)],
    ok.

is_there(Component) -> ejabberd_router:is_my_route(Component).

privilege() ->
    Roster = {xmlel, <<"perm">>, [{<<"access">>, <<"roster">>}, {<<"type">>, <<"both">>}], []},
    {xmlel, <<"privilege">>, [{<<"xmlns">>, ?XMLNS_PRIVILEGE}], [Roster]}.

%% Somebody else has changed this roster, or it may be that of a new account.
tell_entity(#jid{lserver = Host} = Owner, Items) ->
    Entity = entity(Host),
    [ejabberd_router:route(#iq{type = set, id = p1_rand:get_string(), from = jid:remove_resource(Owner), to = jid:make(Entity),
                               sub_els = [#roster_query{items = Items}]}) || is_there(Entity)],
    ok.

%% Requests -----------------------------------------------------------------------------------------------------------

%% What is of no namespace that ejabberd knows stays as it is.
decode_iq_subel(Element) ->
    case xmpp:get_ns(Element) of
        ?XMLNS -> Element;
        _ -> xmpp:decode(Element)
    end.

on_roster(#iq{from = From, to = #jid{lserver = Host} = To} = Request) ->
    case {is_entity(From, Host), Request} of
        {true, #iq{type = get}} ->
            xmpp:make_iq_result(Request, #roster_query{items = items(To)});
        {true, #iq{type = set, sub_els = [#roster_query{items = Items}]}} ->
            answer(Request, To, Items);
        {false, #iq{type = set, sub_els = [#roster_query{items = Items}]}} ->
            Answer = mod_roster:process_iq(Request),
            _ = [tell_entity(To, Items) || Answer#iq.type =:= result],
            Answer;
        {false, _} ->
            mod_roster:process_iq(Request)
    end.

is_entity(#jid{luser = <<>>, lserver = Server, lresource = <<>>}, Host) -> Server =:= entity(Host);
is_entity(_, _) -> false.

items(#jid{luser = User, lserver = Host}) ->
    ejabberd_hooks:run_fold(roster_get, Host, [], [{User, Host}]).

answer(Request, #jid{luser = User, lserver = Host} = Owner, Items) ->
    case {ejabberd_auth:user_exists(User, Host), managed_roster:is_right(Items, Owner)} of
        {false, _} -> xmpp:make_error(Request, xmpp:err_item_not_found());
        {true, false} -> xmpp:make_error(Request, xmpp:err_bad_request());
        {true, true} -> written(Request, managed_roster:change(Owner, Items))
    end.

written(Request, ok) ->
    xmpp:make_iq_result(Request);
written(Request, {error, Reason}) ->
    logger:error("managed_rosters: a roster could not be written: ~p", [Reason]),
    Error = xmpp:err_internal_server_error(<<"The roster could not be written">>, <<"en">>),
    xmpp:make_error(Request, Error#stanza_error{type = wait}).

%% The roster of an account that nobody may address any more: the request goes to the host.
on_empty(#iq{type = set, from = From, to = #jid{lserver = Host}, sub_els = [Element]} = Request) ->
    case is_entity(From, Host) of
        true -> empty(Request, owner(fxml:get_tag_attr_s(<<"jid">>, Element), Host));
        false -> xmpp:make_error(Request, xmpp:err_forbidden())
    end;
on_empty(Request) ->
    xmpp:make_error(Request, xmpp:err_bad_request()).

owner(Address, Host) ->
    try jid:decode(Address) of
        #jid{luser = User, lserver = Host} = Owner when User =/= <<>> -> jid:remove_resource(Owner);
        _ -> none
    catch error:{bad_jid, _} -> none
    end.

empty(Request, none) ->
    xmpp:make_error(Request, xmpp:err_item_not_found());
empty(Request, Owner) ->
    Answer = case [Item#roster_item{subscription = remove} || Item <- items(Owner)] of
        [] -> xmpp:make_error(Request, xmpp:err_item_not_found());
        Removals -> answer(Request, Owner, Removals)
    end,
    %% The entity forgets whose roster is empty. Of all other changes a server that is killed loses some, and is asked what it has
    %% when it is back.
    stanza_gate_written:write(),
    Answer.

%% What others do -----------------------------------------------------------------------------------------------------

%% An account that is new to this server, made in any way.
on_opened(#{jid := Jid} = State) ->
    _ = [tell_entity(Jid, []) || items(Jid) =:= []],
    State.

%% A client that asks for a subscription, or ends one, changes nothing; nor does another server, or a removed contact.
no_subscription({#presence{type = Type}, State}) when ?IS_SUBSCRIPTION(Type) -> {stop, {drop, State}};
no_subscription(Said) -> Said.

no_subscription(_, _) -> {stop, false}.

%% A roster that is written for its owner: many items at once, and who is seen by whom after that (docs/roster.md, section 5).

-module(managed_roster).

-export([is_right/2, change/2, shown/3]).

-include("xmpp.hrl").
-include("mod_roster.hrl").

%% Whether these items may be written: contacts without a resource, who are not the owner, and one at least.
is_right(Items, Owner) ->
    Items =/= [] andalso lists:all(fun(#roster_item{jid = Jid}) ->
        Jid#jid.lresource =:= <<>> andalso jid:tolower(Jid) =/= jid:tolower(Owner)
    end, Items).

%% Write these items; ok or {error, Reason}. What was written before an error stays: the entity asks, and writes the rest.
change(_, []) ->
    ok;
change(Owner, [#roster_item{jid = Contact} = Item | Items]) ->
    Before = subscription(Owner, Contact),
    case write(Owner, Item) of
        {atomic, _} ->
            told(Owner, Item, Before),
            change(Owner, Items);
        {aborted, Reason} ->
            {error, Reason}
    end.

write(#jid{luser = User, lserver = Host}, #roster_item{jid = Contact, subscription = remove}) ->
    mod_roster:del_roster(User, Host, jid:tolower(Contact));
write(#jid{luser = User, lserver = Host}, #roster_item{jid = Contact, name = Name, subscription = Is, groups = Groups}) ->
    Address = jid:tolower(Contact),
    mod_roster:set_roster(#roster{usj = {User, Host, Address}, us = {User, Host}, jid = Address, name = Name,
                                  subscription = Is, groups = lists:usort(Groups)}).

subscription(#jid{luser = User, lserver = Host}, Contact) ->
    case lists:keyfind(jid:tolower(Contact), #roster.jid, mod_roster:get_roster(User, Host)) of
        #roster{subscription = Is} -> Is;
        false -> none
    end.

%% Who goes is gone before the contact is; who comes is seen when the contact is there.
told(#jid{luser = User, lserver = Host} = Owner, #roster_item{jid = Contact, subscription = After} = Item, Before) ->
    Resources = ejabberd_sm:get_user_resources(User, Host),
    _ = [show(Owner, Contact, Before, After) || After =:= remove, Resources =/= []],
    push(Owner, Item, Resources),
    _ = [show(Owner, Contact, Before, After) || After =/= remove, Resources =/= []],
    ok.

push(_, _, []) ->
    ok;
push(#jid{luser = User, lserver = Host} = Owner, Item, Resources) ->
    Query = #roster_query{ver = mod_roster:roster_version(Host, User), items = [Item]},
    [ejabberd_router:route(#iq{type = set, id = <<"push", (p1_rand:get_string())/binary>>, from = Owner,
                               to = jid:replace_resource(Owner, Resource), sub_els = [Query]}) || Resource <- Resources],
    ok.

%% Presence -----------------------------------------------------------------------------------------------------------

show(Owner, #jid{lserver = Server} = Contact, Before, After) ->
    Theirs = case lists:member(Server, ejabberd_option:hosts()) of
        true -> subscription(Contact, Owner);
        false -> elsewhere
    end,
    lists:foreach(fun({own, What}) -> appear(What, Owner, Contact);
                     ({theirs, probe}) -> appear(probe, Owner, Contact);
                     ({theirs, What}) -> appear(What, Contact, Owner)
                  end, shown(Before, After, Theirs)).

%% In the name of each session that has said that it is there, so the gate records it.
appear(come, From, To) ->
    [ejabberd_c2s:resend_presence(Pid, To) || {_, Pid} <- present(From)];
appear(gone, From, To) ->
    [ejabberd_router:route(#presence{type = unavailable, from = Jid, to = To}) || {Jid, _} <- present(From)];
appear(probe, From, To) ->
    [ejabberd_router:route(#presence{type = probe, from = Jid, to = To}) || {Jid, _} <- present(From)].

present(#jid{luser = User, lserver = Host} = Person) ->
    [{jid:replace_resource(Person, Resource), Pid}
     || {_, Resource} <- ejabberd_sm:get_user_present_resources(User, Host),
        Pid <- [ejabberd_sm:get_session_pid(User, Host, Resource)], is_pid(Pid)].

%% What is shown to whom when the owner's entry changes: {own, come | gone} of the owner to the contact, {theirs, come | gone}
%% of the contact to the owner, or {theirs, probe}: the contact's server is asked. Theirs is the contact's own entry, or `elsewhere`: another server does its own half.
%% Subscriptions of a local pair are shown when the second of the two entries is there, and ended with the first that goes:
%% so neither is shown somebody who is not in their roster.
shown(Before, After, Theirs) ->
    IsElsewhere = Theirs =:= elsewhere,
    [{own, turn(is_seen(After))} || is_seen(After) =/= is_seen(Before), IsElsewhere orelse sees(Theirs)]
        ++ [{theirs, turn(sees(After))} || sees(After) =/= sees(Before), not IsElsewhere, is_seen(Theirs)]
        ++ [{theirs, probe} || sees(After), not sees(Before), IsElsewhere].

turn(true) -> come;
turn(false) -> gone.

sees(Subscription) -> Subscription =:= both orelse Subscription =:= to.
is_seen(Subscription) -> Subscription =:= both orelse Subscription =:= from.

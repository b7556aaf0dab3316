%% Makes the rooms of the directory before anybody joins them, so that nobody becomes the owner of one by being the first.
%% The gate's table of borders names them (docs/gate-protocol.md, section 4.5). There is no policy in this file.
%%
%% A room that exists stays as it is. Beside this module nobody may make a room (`access_create` of mod_muc).

-module(mod_directory_rooms).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_doc/0]).
-export([make_all/1]).

start(Host, _Options) ->
    ejabberd_hooks:add(stanza_gate_borders, Host, ?MODULE, make_all, 50),
    stanza_gate_carrier:tell_borders().

stop(Host) ->
    ejabberd_hooks:delete(stanza_gate_borders, Host, ?MODULE, make_all, 50).

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [{mod_muc, hard}, {mod_stanza_gate, hard}].

mod_options(_Host) -> [].

mod_doc() -> #{desc => <<"Makes the rooms of the directory.">>}.

%% There is another table: make what it names and is not there.
make_all(Host) ->
    Rooms = gen_mod:get_module_opt_hosts(Host, mod_muc),
    Addresses = stanza_gate_borders:addresses(persistent_term:get({stanza_gate, borders}, stanza_gate_borders:new())),
    [make(Host, Domain, Name) || Address <- Addresses, [Name, Domain] <- [binary:split(Address, <<"@">>)],
                                 lists:member(Domain, Rooms)],
    ok.

make(Host, Domain, Name) ->
    case mod_muc:find_online_room(Name, Domain) =:= error andalso mod_muc:restore_room(Host, Domain, Name) of
        error -> create(Host, Domain, Name);
        _ -> ok
    end.

create(Host, Domain, Name) ->
    %% Everybody in it sees who is behind a name (XEP-0045, 4.2): names are free, and a colleague's may be taken.
    Ours = [{anonymous, false}, {persistent, true}],
    Options = lists:ukeymerge(1, Ours, lists:ukeysort(1, mod_muc_opt:default_room_options(Host))),
    case mod_muc:create_room(Domain, Name, Options) of
        ok ->
            {atomic, _} = mod_muc:store_room(Host, Domain, Name, Options),
            ok;
        {error, Reason} ->
            logger:error("stanza_gate: a room of the directory could not be made: ~p", [stanza_gate_guard:name_of(Reason)])
    end.

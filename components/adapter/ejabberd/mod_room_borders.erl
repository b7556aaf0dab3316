%% Makes rooms keep the gate's borders (docs/gate-protocol.md, section 4.5): with each new table, a person who may no longer be
%% in a room is put out of it, and loses their affiliation. There is no policy in this file.

-module(mod_room_borders).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_doc/0]).
-export([keep_borders/1]).

-include("xmpp.hrl").
-include("mod_muc_room.hrl").

%% After mod_directory_rooms has made what is missing.
-define(AT, 60).

start(Host, _Options) ->
    ejabberd_hooks:add(stanza_gate_borders, Host, ?MODULE, keep_borders, ?AT),
    stanza_gate_carrier:tell_borders().

stop(Host) ->
    ejabberd_hooks:delete(stanza_gate_borders, Host, ?MODULE, keep_borders, ?AT).

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [{mod_muc, soft}, {mod_stanza_gate, hard}].

mod_options(_Host) -> [].

mod_doc() -> #{desc => <<"Puts people out of rooms that they may no longer be in.">>}.

keep_borders(Host) ->
    % A server to which Steelyard is attached may have hosts without rooms.
    Rooms = [Pid || stanza_gate_hosts:is_in_force(), gen_mod:is_loaded(Host, mod_muc),
                    Domain <- gen_mod:get_module_opt_hosts(Host, mod_muc), {_, _, Pid} <- mod_muc:get_online_rooms(Domain)],
    lists:foreach(fun put_out/1, Rooms).

put_out(Pid) ->
    case mod_muc_room:get_state(Pid) of
        {ok, #state{jid = Room, users = Users, affiliations = Affiliations}} ->
            [mod_muc_room:change_item_async(Pid, Jid, role, none, <<>>)
             || #user{jid = Jid} <- maps:values(Users), stanza_gate_hosts:is_stopped(Room, Jid)],
            [mod_muc_room:change_item_async(Pid, Jid, affiliation, none, <<>>)
             || Address <- maps:keys(Affiliations), Jid <- [jid:make(Address)], stanza_gate_hosts:is_stopped(Room, Jid)],
            ok;
        {error, Reason} ->
            logger:error("stanza_gate: a room could not be asked who is in it: ~p", [Reason])
    end.

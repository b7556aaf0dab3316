%% Makes rooms keep the gate's borders (docs/gate-protocol.md, section 4.5): with each new table, a person who may no longer be
%% in a room is put out of it, and loses their affiliation. A person who was let in later learns nothing that was said before. A
%% list of rooms names only those that the requester may enter. There is no policy in this file.

-module(mod_room_borders).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_doc/0]).
-export([keep_account/2, keep_borders/1, pass/1]).

-include("xmpp.hrl").
-include("mod_muc_room.hrl").

%% After mod_directory_rooms has made what is missing.
-define(AT, 60).

start(Host, _Options) ->
    room_admissions:open(),
    ejabberd_hooks:add(stanza_gate_table, Host, ?MODULE, keep_account, ?AT),
    ejabberd_hooks:add(stanza_gate_borders, Host, ?MODULE, keep_borders, ?AT),
    ejabberd_hooks:add(filter_packet, ?MODULE, pass, ?AT),
    stanza_gate_carrier:tell_borders().

%% What passes stays filtered: without that, who was let in later is told of before.
stop(Host) ->
    ejabberd_hooks:delete(stanza_gate_table, Host, ?MODULE, keep_account, ?AT),
    ejabberd_hooks:delete(stanza_gate_borders, Host, ?MODULE, keep_borders, ?AT).

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [{mod_muc, soft}, {mod_stanza_gate, hard}].

mod_options(_Host) -> [].

mod_doc() -> #{desc => <<"Keeps people out of rooms that they may not be in, and from what was said before they were let in.">>}.

%% While the gate only observes, nobody is put out, and nobody counts as let in later. A server to which Steelyard is attached
%% may have hosts without rooms.
keep_account(Host, #{is_open := false} = Table) -> room_admissions:keep(Host, domains(Host), Table);
keep_account(_, _) -> ok.

keep_borders(Host) ->
    Rooms = [Pid || stanza_gate_hosts:is_in_force(), Domain <- domains(Host), {_, _, Pid} <- mod_muc:get_online_rooms(Domain)],
    lists:foreach(fun put_out/1, Rooms).

domains(Host) ->
    case gen_mod:is_loaded(Host, mod_muc) of true -> gen_mod:get_module_opt_hosts(Host, mod_muc); false -> [] end.

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

%% What a room tells of what was said --------------------------------------------------------------------------------------

%% Everything that is routed comes by here. What fails goes nowhere.
pass(Packet) ->
    try filtered(Packet) catch Class:Reason ->
        logger:error("stanza_gate: what a room tells could not be looked at: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)]),
        {stop, drop}
    end.

%% Who joins asks for no more of the history than they may have; who asks for nothing, as of old, would be told all.
filtered(#presence{type = available, from = Person, to = #jid{luser = User, lresource = Nick} = Room} = Joins)
  when User =/= <<>>, Nick =/= <<>> ->
    case since(Room, Person) of 0 -> Joins; Since -> joins(Joins, xmpp:get_subtag(Joins, #muc{}), Since) end;
%% An archive's answer (XEP-0313) is the room's own, and says when it was said.
filtered(#message{from = #jid{luser = User, lresource = <<>>} = Room, to = Person, sub_els = [#mam_result{sub_els = [Told]}]} = Message)
  when User =/= <<>> ->
    case said_at(Told) >= since(Room, Person) of true -> Message; false -> {stop, drop} end;
%% A list of rooms.
filtered(#iq{type = result, from = #jid{luser = <<>>, lserver = Domain}, to = Person} = Answer) ->
    case stanza_gate_hosts:is_room_host(Domain) andalso xmpp:get_subtag(Answer, #disco_items{}) of
        #disco_items{items = Rooms} = Items ->
            Left = [Item || #disco_item{jid = Room} = Item <- Rooms, not stanza_gate_hosts:is_stopped(Room, Person)],
            xmpp:set_els(Answer, [Items#disco_items{items = Left}]);
        false ->
            Answer
    end;
filtered(Packet) ->
    Packet.

joins(Joins, false, Since) ->
    joins(Joins, #muc{}, Since);
joins(Joins, #muc{history = undefined} = Muc, Since) ->
    joins(Joins, Muc#muc{history = #muc_history{}}, Since);
joins(Joins, #muc{history = #muc_history{since = Asked} = History} = Muc, Since) ->
    From = {Since div 1000000, Since rem 1000000, 0},
    Begins = case Asked of undefined -> From; _ -> max(Asked, From) end,
    xmpp:set_subtag(Joins, Muc#muc{history = History#muc_history{since = Begins}}).

said_at(#forwarded{delay = #delay{stamp = {Mega, Seconds, _}}}) -> Mega * 1000000 + Seconds;
said_at(#xmlel{} = Told) -> said_at(xmpp:decode(Told, ?NS_CLIENT, [ignore_els])).

since(#jid{lserver = Domain} = Room, Person) ->
    case [Host || Host <- ejabberd_option:hosts(), stanza_gate_hosts:is_room_host_of(Host, Domain)] of
        [Host | _] -> since(Host, bare(Room), bare(Person));
        [] -> 0
    end.

since(Host, Room, Person) ->
    case stanza_gate_hosts:is_open() of true -> 0; false -> room_admissions:since(Host, Room, Person) end.

bare(Jid) -> jid:encode(jid:remove_resource(jid:make(jid:tolower(Jid)))).

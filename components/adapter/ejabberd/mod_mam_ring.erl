%% Where mod_mam keeps the archives (XEP-0313) of people and rooms (its `db_type`): in Mnesia, as ejabberd's own mod_mam_mnesia
%% does, in the same table, but each message under a key of its own (docs/decisions/0374).
%%
%% That one keeps a whole archive under one key. Mnesia reads and writes all that is under a key to add to it, so that each message
%% cost as much as there were before it; to answer a query it reads the archives of everybody; and a long one is gone when the
%% server was killed, as its repair does not find it. Here the keys of an archive are a ring: when all are taken, the newest message
%% takes the place of the oldest.
%%
%% The first place has the key of mod_mam_mnesia: what that has kept is there, and goes when the ring comes round.

-module(mod_mam_ring).

-export([init/2, remove_user/2, remove_room/3, delete_old_messages/3, delete_old_messages_batch/5, extended_fields/0, store/8,
         store/10, write_prefs/4, get_prefs/2, select/6, remove_from_archive/3, is_empty_for_user/2, is_empty_for_room/3]).

-include("xmpp.hrl").
-include("mod_mam.hrl").

%% So many messages an archive keeps.
-define(PLACES, 2048).

%% How many messages were put into an archive since it began.
-record(archive_ring, {us, count}).

init(Host, Options) ->
    Table = [{disc_copies, [node()]}, {attributes, record_info(fields, archive_ring)}],
    case {mod_mam_mnesia:init(Host, Options), ejabberd_mnesia:create(?MODULE, archive_ring, Table)} of
        {ok, {atomic, ok}} -> ok;
        _ -> {error, db_failure}
    end.

store(Packet, Host, Owner, Type, Peer, Nick, Direction, Id) ->
    put_into(Owner, fun(Key) -> stored([Packet, Host, Key, Type, Peer, Nick, Direction, Id]) end).

%% As 24.12 calls it: a message may take back an earlier one (XEP-0424), wherever that is.
store(Packet, Host, Owner, Type, Peer, Nick, Direction, Id, OriginId, Retracts) ->
    put_into(Owner, fun(Key) ->
        case Retracts of
            {true, Retracted} -> delete_those(Owner, fun(Each) -> is_retracted(Each, Peer, Retracted) end);
            false -> ok
        end,
        stored([Packet, Host, Key, Type, Peer, Nick, Direction, Id, OriginId, false])
    end).

%% Each version has its own arguments. What is not stored leaves all as it was; mod_mam_mnesia has said so in the log.
stored(Arguments) ->
    case apply(mod_mam_mnesia, store, Arguments) of
        ok -> ok;
        Failed -> mnesia:abort(Failed)
    end.

%% The oldest message goes, and the new one comes, in one transaction. A server that is killed before Mnesia's log is on the disk
%% may have the message without its count: the next one takes the same place then, and that message goes if the ring is full.
put_into(Owner, Store) ->
    in_transaction(fun() ->
        % Whoever puts something into this archive meanwhile waits for this lock.
        Count = count(mnesia:wread({archive_ring, Owner})) + 1,
        mnesia:write(#archive_ring{us = Owner, count = Count}),
        Key = key(Owner, Count rem ?PLACES),
        _ = [mnesia:delete({archive_msg, Key}) || Count >= ?PLACES],
        Store(Key)
    end).

count([#archive_ring{count = Count}]) -> Count;
count([]) -> 0.

%% No address has a slash in its first part (RFC 7622).
key(Owner, 0) -> Owner;
key({User, Host}, Place) -> {<<User/binary, "/", (integer_to_binary(Place))/binary>>, Host}.

%% The keys that were ever taken.
keys(Owner) ->
    Last = min(count(mnesia:dirty_read(archive_ring, Owner)), ?PLACES - 1),
    [key(Owner, Place) || Place <- lists:seq(0, Last)].

messages(Owner) -> lists:flatmap(fun(Key) -> mnesia:dirty_read(archive_msg, Key) end, keys(Owner)).

select(_, Requestor, #jid{luser = User, lserver = Host} = Archive, Query, Rsm, Type) ->
    Found = [Each || Each <- messages({User, Host}), archive_page:is_asked_for(Each, Query)],
    {Page, IsComplete} = archive_page:page(lists:keysort(#archive_msg.timestamp, Found), Rsm),
    {lists:flatmap(fun(Each) -> told(Each, Type, Requestor, Archive) end, Page), IsComplete, length(Found)}.

told(#archive_msg{id = Id} = Message, Type, Requestor, Archive) ->
    case mod_mam:msg_to_el(Message, Type, Requestor, Archive) of
        {ok, Element} -> [{Id, binary_to_integer(Id), Element}];
        {error, _} -> []
    end.

is_empty_for_user(User, Host) ->
    lists:all(fun(Key) -> mnesia:dirty_read(archive_msg, Key) =:= [] end, keys({User, Host})).

is_empty_for_room(_, Name, Host) -> is_empty_for_user(Name, Host).

remove_user(User, Host) ->
    mnesia:transaction(fun() ->
        delete_all({User, Host}),
        mod_mam_mnesia:remove_user(User, Host)
    end).

remove_room(_, Name, Host) -> remove_user(Name, Host).

remove_from_archive(User, Host, What) when is_binary(User) -> remove_from_archive({User, Host}, Host, What);
remove_from_archive(Owner, _, none) -> in_transaction(fun() -> delete_all(Owner) end);
remove_from_archive(Owner, _, #jid{luser = User, lserver = Host}) ->
    in_transaction(fun() -> delete_those(Owner, fun(Each) -> Each#archive_msg.bare_peer =:= {User, Host, <<>>} end) end);
remove_from_archive(Owner, _, Id) ->
    Named = integer_to_binary(Id),
    in_transaction(fun() -> delete_those(Owner, fun(Each) -> Each#archive_msg.id =:= Named end) end).

%% Whoever puts something into the archive meanwhile waits, with these two.
delete_all(Owner) ->
    _ = mnesia:wread({archive_ring, Owner}),
    Keys = keys(Owner),
    mnesia:delete({archive_ring, Owner}),
    lists:foreach(fun(Key) -> mnesia:delete({archive_msg, Key}) end, Keys).

delete_those(Owner, Is) ->
    _ = mnesia:wread({archive_ring, Owner}),
    lists:foreach(fun mnesia:delete_object/1, lists:filter(Is, messages(Owner))).

%% The last field is the sender's own id of the message; 23.01 does not have it, and takes nothing back.
is_retracted(#archive_msg{bare_peer = Bare} = Message, Peer, Retracted) ->
    {User, Host, _} = jid:tolower(Peer),
    Bare =:= {User, Host, <<>>} andalso element(tuple_size(Message), Message) =:= Retracted.

in_transaction(Do) ->
    case mnesia:transaction(Do) of
        {atomic, Result} -> Result;
        {aborted, Reason} -> {error, Reason}
    end.

delete_old_messages(Host, Before, Type) -> mod_mam_mnesia:delete_old_messages(Host, Before, Type).
delete_old_messages_batch(Host, Before, Type, Batch, From) ->
    mod_mam_mnesia:delete_old_messages_batch(Host, Before, Type, Batch, From).
extended_fields() -> mod_mam_mnesia:extended_fields().
write_prefs(User, Host, Prefs, ServerHost) -> mod_mam_mnesia:write_prefs(User, Host, Prefs, ServerHost).
get_prefs(User, Host) -> mod_mam_mnesia:get_prefs(User, Host).

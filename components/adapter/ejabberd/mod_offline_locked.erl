%% Where mod_offline keeps what is stored for later (its `db_type`): in Mnesia, as ejabberd's own mod_offline_mnesia does, in the
%% same table.
%%
%% That one writes a message past the lock under which somebody who comes online reads all that waits, and deletes it: what was
%% written in between was deleted, and nobody had read it. Here it is written under the same lock.

-module(mod_offline_locked).

-export([init/2, import/1, store_message/1, pop_messages/2, remove_expired_messages/1, remove_old_messages/2,
         remove_old_messages_batch/4, remove_user/2, read_message_headers/2, read_message/3, remove_message/3,
         read_all_messages/2, remove_all_messages/2, count_messages/2]).

-include("xmpp.hrl").
-include("mod_offline.hrl").

store_message(#offline_msg{us = Account} = Message) ->
    Store = fun() ->
        mnesia:lock({record, offline_msg, Account}, write),
        mod_offline_mnesia:store_message(Message)
    end,
    case mnesia:transaction(Store) of
        {atomic, Result} -> Result;
        {aborted, Reason} -> {error, Reason}
    end.

%% Where that one keeps the table in a file alone, this one keeps it in memory as well. Of such a file, the repair after a kill does
%% not find what waits for one person and is longer than 8 KiB together (docs/decisions/0374).
init(_, _) ->
    ejabberd_mnesia:create(mod_offline_mnesia, offline_msg,
                           [{disc_copies, [node()]}, {type, bag}, {attributes, record_info(fields, offline_msg)}]).

import(Message) -> mod_offline_mnesia:import(Message).
pop_messages(User, Host) -> mod_offline_mnesia:pop_messages(User, Host).
remove_expired_messages(Host) -> mod_offline_mnesia:remove_expired_messages(Host).
remove_old_messages(Days, Host) -> mod_offline_mnesia:remove_old_messages(Days, Host).
remove_old_messages_batch(Host, Days, Batch, Rest) -> mod_offline_mnesia:remove_old_messages_batch(Host, Days, Batch, Rest).
remove_user(User, Host) -> mod_offline_mnesia:remove_user(User, Host).
read_message_headers(User, Host) -> mod_offline_mnesia:read_message_headers(User, Host).
read_message(User, Host, Seq) -> mod_offline_mnesia:read_message(User, Host, Seq).
remove_message(User, Host, Seq) -> mod_offline_mnesia:remove_message(User, Host, Seq).
read_all_messages(User, Host) -> mod_offline_mnesia:read_all_messages(User, Host).
remove_all_messages(User, Host) -> mod_offline_mnesia:remove_all_messages(User, Host).
count_messages(User, Host) -> mod_offline_mnesia:count_messages(User, Host).

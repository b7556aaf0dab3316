-module(mod_mam_ring_tests).
-compile([export_all, nowarn_export_all]).

-include("xmpp.hrl").
-include("mod_mam.hrl").

-define(ALICE, {<<"alice">>, <<"m.example">>}).
-define(PLACES, 2048).

%% Mnesia on a disk, with the tables as the server makes them.
archives_test_() ->
    {timeout, 120, {foreach, fun begin_tables/0, fun end_tables/1,
        [fun(_) -> {timeout, 60, Test} end || Test <- [
            fun the_newest_stay_in_order/0, fun each_archive_is_for_itself/0, fun many_at_once_lose_nothing/0,
            fun what_was_kept_before_is_there_and_goes_in_its_turn/0, fun an_archive_is_removed_whole/0,
            fun what_is_taken_back_is_gone_wherever_it_is/0,
            fun messages_of_one_person_or_one_message_are_removed/0, fun what_fails_leaves_the_archive/0,
            fun a_new_start_goes_on_where_it_was/0]]}}.

begin_tables() ->
    {ok, _} = application:ensure_all_started(xmpp),
    % What mod_mam looks up as it makes an answer.
    ets:new(ejabberd_options, [named_table, public]),
    ets:insert(ejabberd_options, {{validate_stream, global}, false}),
    Folder = filename:join(os:getenv("TMPDIR", "/tmp"), "mod_mam_ring_tests." ++ os:getpid()),
    ok = file:make_dir(Folder),
    application:set_env(mnesia, dir, Folder),
    ok = mnesia:create_schema([node()]),
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(archive_msg, [{disc_only_copies, [node()]}, {type, bag},
                                                     {attributes, record_info(fields, archive_msg)}]),
    {atomic, ok} = mnesia:create_table(archive_prefs, [{disc_only_copies, [node()]},
                                                       {attributes, record_info(fields, archive_prefs)}]),
    {atomic, ok} = mnesia:create_table(archive_ring, [{disc_copies, [node()]}, {attributes, [us, count]}]),
    Folder.

end_tables(Folder) ->
    ets:delete(ejabberd_options),
    stopped = mnesia:stop(),
    ok = file:del_dir_r(Folder).

keep(Owner, Id) -> keep(Owner, Id, <<"bob@m.example/desk">>).

keep(Owner, Id, Peer) -> keep(Owner, Id, Peer, <<>>, false).

keep(Owner, Id, Peer, OriginId, Retracts) ->
    Arguments = [#xmlel{name = <<"message">>}, <<"m.example">>, Owner, chat, jid:decode(Peer), <<>>, recv, Id],
    apply(mod_mam_ring, store, Arguments ++ [Each || takes_back(), Each <- [OriginId, Retracts]]).

%% As 24.12 does, and 23.01 does not.
takes_back() -> lists:member(origin_id, record_info(fields, archive_msg)).

fill(Owner, From, To) -> [ok = keep(Owner, Id) || Id <- lists:seq(From, To)].

equal(Same, Same) -> ok.

%% The ids of all that is there.
kept(Owner) -> kept_with(Owner, []).

kept_with({User, Host}, Query) ->
    Archive = jid:make(User, Host),
    {Told, true, Count} = mod_mam_ring:select(Host, Archive, Archive, Query, undefined, none),
    Count = length(Told),
    [Id || {_, Id, _} <- Told].

the_newest_stay_in_order() ->
    [begin
         fill(?ALICE, From, From + 499),
         Last = From + 499,
         equal(lists:seq(max(1, Last - ?PLACES + 1), Last), kept(?ALICE))
     end || From <- lists:seq(1, 5000, 500)],
    ?PLACES = mnesia:table_info(archive_msg, size).

each_archive_is_for_itself() ->
    Others = [{<<"alice">>, <<"rooms.m.example">>}, {<<"alice2">>, <<"m.example">>}],
    [fill(Owner, 1, 70) || Owner <- [?ALICE | Others]],
    fill(?ALICE, 71, 4000),
    [equal(lists:seq(1, 70), kept(Other)) || Other <- Others],
    false = mod_mam_ring:is_empty_for_user(<<"alice">>, <<"m.example">>),
    true = mod_mam_ring:is_empty_for_room(<<"m.example">>, <<"pit">>, <<"rooms.m.example">>).

many_at_once_lose_nothing() ->
    Writers = [spawn_monitor(fun() -> fill(?ALICE, First * 1000, First * 1000 + 99) end) || First <- lists:seq(1, 10)],
    [receive {'DOWN', Monitor, process, Pid, Reason} -> normal = Reason end || {Pid, Monitor} <- Writers],
    equal([First * 1000 + Each || First <- lists:seq(1, 10), Each <- lists:seq(0, 99)], kept(?ALICE)).

what_was_kept_before_is_there_and_goes_in_its_turn() ->
    Old = [#archive_msg{us = ?ALICE, id = integer_to_binary(Id), timestamp = misc:usec_to_now(Id),
                        packet = #xmlel{name = <<"message">>}} || Id <- lists:seq(1, 300)],
    {atomic, ok} = mnesia:transaction(fun() -> lists:foreach(fun mnesia:write/1, Old) end),
    fill(?ALICE, 301, 400),
    equal(lists:seq(1, 400), kept(?ALICE)),
    fill(?ALICE, 401, 299 + ?PLACES),
    equal(lists:seq(1, 299 + ?PLACES), kept(?ALICE)),
    ok = keep(?ALICE, 300 + ?PLACES),
    equal(lists:seq(301, 300 + ?PLACES), kept(?ALICE)).

an_archive_is_removed_whole() ->
    [begin
         fill(?ALICE, 1, 200),
         Remove(),
         [] = kept(?ALICE),
         true = mod_mam_ring:is_empty_for_user(<<"alice">>, <<"m.example">>),
         [] = mnesia:dirty_all_keys(archive_ring)
     end || Remove <- [
        fun() -> {atomic, _} = mod_mam_ring:remove_user(<<"alice">>, <<"m.example">>) end,
        fun() -> {atomic, _} = mod_mam_ring:remove_room(<<"m.example">>, <<"alice">>, <<"m.example">>) end,
        fun() -> ok = mod_mam_ring:remove_from_archive(<<"alice">>, <<"m.example">>, none) end]].

what_is_taken_back_is_gone_wherever_it_is() ->
    [ok = keep(?ALICE, Id, Peer, <<"copper">>, false)
     || {Id, Peer} <- [{1, <<"bob@m.example/desk">>}, {2, <<"carol@m.example/desk">>}]],
    fill(?ALICE, 3, 9),
    ok = keep(?ALICE, 10, <<"bob@m.example/home">>, <<"zinc">>, {true, <<"copper">>}),
    equal([1 || not takes_back()] ++ lists:seq(2, 10), kept(?ALICE)).

messages_of_one_person_or_one_message_are_removed() ->
    [ok = keep(?ALICE, Id, lists:nth(1 + Id rem 2, [<<"bob@m.example/desk">>, <<"carol@m.example/desk">>]))
     || Id <- lists:seq(1, 200)],
    equal(lists:seq(2, 200, 2), kept_with(?ALICE, [{with, jid:decode(<<"bob@m.example">>)}])),
    ok = mod_mam_ring:remove_from_archive(<<"alice">>, <<"m.example">>, jid:decode(<<"carol@m.example/desk">>)),
    equal(lists:seq(2, 200, 2), kept(?ALICE)),
    ok = mod_mam_ring:remove_from_archive(?ALICE, <<"m.example">>, 100),
    equal(lists:seq(2, 200, 2) -- [100], kept(?ALICE)).

%% What would have made place is there, and nothing is counted.
what_fails_leaves_the_archive() ->
    fill(?ALICE, 1, ?PLACES),
    Counted = mnesia:dirty_read(archive_ring, ?ALICE),
    {error, _} = keep(?ALICE, not_a_number),
    equal(lists:seq(1, ?PLACES), kept(?ALICE)),
    equal(Counted, mnesia:dirty_read(archive_ring, ?ALICE)).

a_new_start_goes_on_where_it_was() ->
    fill(?ALICE, 1, ?PLACES - 10),
    stopped = mnesia:stop(),
    ok = mnesia:start(),
    ok = mnesia:wait_for_tables([archive_msg, archive_ring], infinity),
    fill(?ALICE, ?PLACES - 9, ?PLACES),
    equal(lists:seq(1, ?PLACES), kept(?ALICE)),
    ok = keep(?ALICE, ?PLACES + 1),
    equal(lists:seq(2, ?PLACES + 1), kept(?ALICE)).

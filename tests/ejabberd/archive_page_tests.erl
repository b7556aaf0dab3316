-module(archive_page_tests).
-compile([export_all, nowarn_export_all]).

-include("xmpp.hrl").
-include("mod_mam.hrl").

message(Id) -> #archive_msg{id = integer_to_binary(Id), timestamp = {0, Id, 0}}.

page(Rsm) ->
    {Page, IsComplete} = archive_page:page([message(Id) || Id <- lists:seq(8, 12)], Rsm),
    {[binary_to_integer(Each#archive_msg.id) || Each <- Page], IsComplete}.

all_is_told_if_no_page_is_asked_for_test() ->
    {[8, 9, 10, 11, 12], true} = page(undefined),
    {[8, 9, 10, 11, 12], true} = page(#rsm_set{}).

pages_forward_begin_after_a_message_by_its_number_test() ->
    {[8, 9], false} = page(#rsm_set{max = 2}),
    {[10, 11], false} = page(#rsm_set{max = 2, 'after' = <<"9">>}),
    {[12], true} = page(#rsm_set{max = 2, 'after' = <<"11">>}),
    {[], true} = page(#rsm_set{max = 2, 'after' = <<"12">>}).

pages_backward_end_before_a_message_and_are_in_order_test() ->
    {[11, 12], false} = page(#rsm_set{max = 2, before = <<>>}),
    {[9, 10], false} = page(#rsm_set{max = 2, before = <<"11">>}),
    {[8], true} = page(#rsm_set{max = 2, before = <<"9">>}).

a_page_may_have_both_ends_test() ->
    {[10, 11], false} = page(#rsm_set{max = 2, 'after' = <<"8">>, before = <<"12">>}),
    {[9, 10, 11], true} = page(#rsm_set{max = 3, 'after' = <<"8">>, before = <<"12">>}).

a_page_of_nothing_is_complete_if_nothing_is_there_test() ->
    {[], false} = page(#rsm_set{max = 0}),
    {[], true} = archive_page:page([], #rsm_set{max = 0}).

what_is_no_number_of_a_message_is_a_place_all_the_same_test() ->
    {[], true} = page(#rsm_set{'after' = <<"nothing">>}),
    {[8, 9, 10, 11, 12], true} = page(#rsm_set{before = <<"nothing">>}).

times_are_both_included_test() ->
    Asked = [Id || Id <- lists:seq(1, 5),
                   archive_page:is_asked_for(message(Id), [{start, {0, 2, 0}}, {'end', {0, 4, 0}}])],
    [2, 3, 4] = Asked.

with_is_a_person_or_one_session_of_theirs_test() ->
    {ok, _} = application:ensure_all_started(xmpp),
    Desk = (message(1))#archive_msg{peer = {<<"bob">>, <<"m.example">>, <<"desk">>},
                                    bare_peer = {<<"bob">>, <<"m.example">>, <<>>}},
    [true, true, false, false] =
        [archive_page:is_asked_for(Desk, [{with, jid:decode(With)}])
         || With <- [<<"Bob@m.example">>, <<"bob@m.example/desk">>, <<"bob@m.example/home">>, <<"carol@m.example">>]].

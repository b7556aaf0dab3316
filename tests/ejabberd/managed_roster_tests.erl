-module(managed_roster_tests).
-compile([export_all, nowarn_export_all]).

-include("xmpp.hrl").

%% An address as it is prepared.
jid(User, Resource) -> #jid{luser = User, lserver = <<"m.example">>, lresource = Resource}.

right(Jids) ->
    managed_roster:is_right([#roster_item{jid = Each, subscription = both} || Each <- Jids], jid(<<"alice">>, <<>>)).

a_roster_has_contacts_and_not_its_owner_test() ->
    true = right([jid(<<"bob">>, <<>>), jid(<<"carol">>, <<>>)]),
    false = right([]),
    false = right([jid(<<"bob">>, <<"desk">>)]),
    false = right([jid(<<"bob">>, <<>>), jid(<<"alice">>, <<>>)]).

neither_is_shown_who_is_not_in_their_roster_test() ->
    [] = managed_roster:shown(none, both, none),
    [{own, come}, {theirs, come}] = managed_roster:shown(none, both, both),
    [{own, come}] = managed_roster:shown(none, both, to),
    [{theirs, come}] = managed_roster:shown(none, to, both),
    [] = managed_roster:shown(none, to, to).

what_is_written_again_is_no_news_test() ->
    [[] = managed_roster:shown(Is, Is, Theirs) || Is <- [none, to, from, both], Theirs <- [none, both, elsewhere]].

both_are_gone_with_the_first_that_goes_test() ->
    [{own, gone}, {theirs, gone}] = managed_roster:shown(both, remove, both),
    [] = managed_roster:shown(both, remove, none),
    [{own, gone}] = managed_roster:shown(both, to, both).

another_server_does_its_own_half_test() ->
    [{own, come}, {theirs, probe}] = managed_roster:shown(none, both, elsewhere),
    [{own, gone}] = managed_roster:shown(both, remove, elsewhere),
    [{theirs, probe}] = managed_roster:shown(none, to, elsewhere).

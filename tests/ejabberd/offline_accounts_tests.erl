-module(offline_accounts_tests).
-compile([export_all, nowarn_export_all]).

%% Two people are there already; whatever is added is told to this process.
add(<<"alice">>, _, _) -> there;
add(<<"locked">>, _, _) -> {error, <<"no">>};
add(User, Server, Password) -> self() ! {User, Server, Password}, added.

add_all(Lines) ->
    {ok, _} = application:ensure_all_started(xmpp),
    offline_accounts:add_all(Lines, fun add/3).

nothing_was_added() -> receive {_, _, _} -> false after 0 -> true end.

who_is_there_is_left_and_the_others_are_told_test() ->
    {ok, [<<"bob@m.example">>]} = add_all([<<"alice@m.example\told">>, <<"bob@m.example\tnew">>]),
    receive {<<"bob">>, <<"m.example">>, <<"new">>} -> ok end,
    true = nothing_was_added().

nothing_is_asked_and_nothing_is_done_test() ->
    {ok, []} = add_all([]).

a_password_may_have_any_character_but_the_end_of_a_line_test() ->
    {ok, [_]} = add_all([<<"bob@m.example\ta\tb \"c\"">>]),
    receive {_, _, <<"a\tb \"c\"">>} -> ok end.

a_wrong_line_is_found_before_anything_is_done_test() ->
    [{error, _} = add_all([<<"bob@m.example\tnew">>, Wrong])
     || Wrong <- [<<"carol@m.example">>, <<"carol@m.example\t">>, <<"m.example\tx">>, <<"carol@m.example/desk\tx">>,
                  <<"@\tx">>, <<"\tx">>, <<>>]],
    true = nothing_was_added().

what_fails_is_told_with_the_address_and_without_the_password_test() ->
    {error, Text} = add_all([<<"locked@m.example\tsecret">>]),
    <<"locked@m.example: no">> = iolist_to_binary(Text).

-module(mod_access_tests).
-compile([export_all, nowarn_export_all]).

a_password_is_read_where_the_component_drafts_it_test() ->
    <<"/site/passwords/alice@metals.example.draft">> =
        mod_access:password_file(<<"/site/passwords">>, {<<"alice">>, <<"metals.example">>}).

-module(federated_site_tests).
-compile([export_all, nowarn_export_all]).

%% What ejabberd's own streams to other servers answer, ours answer as well: a later version may have more.
it_answers_what_ejabberds_own_do_test() ->
    [{module, _} = code:load_file(Module) || Module <- [ejabberd_s2s_out, xmpp_stream_out, federated_site]],
    Asked = xmpp_stream_out:behaviour_info(callbacks),
    Theirs = [Each || Each = {Name, Arity} <- Asked, erlang:function_exported(ejabberd_s2s_out, Name, Arity)],
    [] = Theirs -- federated_site:module_info(exports),
    true = length(Theirs) > 20.

it_goes_where_it_is_set_test() ->
    persistent_term:put({stanza_gate, sites}, #{
        <<"four.example">> => #{authority => <<"a">>, address => <<"192.0.2.7">>, port => 5270},
        <<"six.example">> => #{authority => <<"a">>, address => <<"2001:db8::7">>, port => 5269},
        <<"name.example">> => #{authority => <<"a">>, address => <<"xmpp.name.example">>, port => 5269},
        <<"asked.example">> => #{authority => <<"a">>}}),
    Where = fun(Domain) -> federated_site:resolve("", #{remote_server => Domain}) end,
    [{{192, 0, 2, 7}, 5270, false}] = Where(<<"four.example">>),
    [{{8193, 3512, 0, 0, 0, 0, 0, 7}, 5269, false}] = Where(<<"six.example">>),
    [{"xmpp.name.example", 5269, false}] = Where(<<"name.example">>),
    [] = Where(<<"asked.example">>),
    {'EXIT', _} = (catch Where(<<"grain.example">>)),
    persistent_term:erase({stanza_gate, sites}).

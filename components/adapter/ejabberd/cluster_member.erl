%% Starts a node of a cluster: it joins the other nodes before ejabberd opens a port, and then starts that.
%%
%% A node with data of its own has joined before: Mnesia knows the others. A new one copies the tables of a node that is there. It
%% waits for one as long as it takes, for alone it would be a server without accounts; only the first that is named begins
%% alone. The mark says when the copy is complete: killed before that, the node copies everything again.

-module(cluster_member).

-export([start/1, is_node/3]).

-define(AGAIN_MS, 1000).
%% What the mark says when the copy is complete.
-define(MEMBER, <<"member">>).

start([First | _] = Nodes) ->
    case file:read_file(mark()) =:= {ok, ?MEMBER} orelse find(Nodes -- [node()]) of
        true -> ok;
        none when node() =:= First -> ok;
        none -> copy_from(wait_for(Nodes -- [node()]));
        Other -> copy_from(Other)
    end,
    ok = file:write_file(mark(), ?MEMBER),
    {ok, _} = ejabberd:start().

mark() -> filename:join(mnesia:system_info(directory), "cluster").

wait_for(Others) ->
    logger:warning("cluster: waiting for one of the other nodes, to copy its tables: ~p", [Others]),
    timer:sleep(?AGAIN_MS),
    case find(Others) of none -> wait_for(Others); Other -> Other end.

%% The first that has its tables.
find(Others) ->
    case [Other || Other <- Others, net_adm:ping(Other) =:= pong, is_ready(Other)] of [] -> none; [Other | _] -> Other end.

is_ready(Other) ->
    case rpc:call(Other, ejabberd, is_loaded, []) of true -> true; _ -> false end.

%% What an earlier copy has left is forgotten on both sides.
copy_from(Other) ->
    ok = file:write_file(mark(), <<"copying">>),
    _ = rpc:call(Other, mnesia, del_table_copy, [schema, node()]),
    _ = mnesia:delete_schema([node()]),
    ok = mnesia:start(),
    {ok, [_ | _]} = mnesia:change_config(extra_db_nodes, [Other]),
    {atomic, ok} = mnesia:change_table_copy_type(schema, node(), disc_copies),
    [{atomic, ok} = mnesia:add_table_copy(Table, node(), rpc:call(Other, mnesia, table_info, [Table, storage_type]))
     || Table <- mnesia:system_info(tables) -- [schema]],
    ok = mnesia:wait_for_tables(mnesia:system_info(local_tables), infinity),
    stopped = mnesia:stop().

%% Whether who connects has the certificate of a node: the authority vouches for other names as well (ssl's verify_fun).
is_node(_, {bad_cert, _} = Reason, _) -> {fail, Reason};
is_node(_, {extension, _}, Nodes) -> {unknown, Nodes};
is_node(_, valid, Nodes) -> {valid, Nodes};
is_node(Certificate, valid_peer, Nodes) ->
    case lists:any(fun(Node) -> public_key:pkix_verify_hostname(Certificate, [{dns_id, Node}]) end, Nodes) of
        true -> {valid, Nodes};
        false -> {fail, no_node_of_this_cluster}
    end.

%% How the nodes of ejabberd reach one another (`cluster_backend`): as it does itself, but nothing that somebody said is dropped
%% without a word on its way to another node (stanza_gate_afar).

-module(ejabberd_cluster_recorded).
-behaviour(ejabberd_cluster).

-export([init/0, get_nodes/0, get_known_nodes/0, join/1, leave/1, node_id/0, get_node_by_id/1, send/2, wait_for_sync/1, subscribe/1]).

send(To, What) -> stanza_gate_afar:send(To, What).

init() -> ejabberd_cluster_mnesia:init().
get_nodes() -> ejabberd_cluster_mnesia:get_nodes().
get_known_nodes() -> ejabberd_cluster_mnesia:get_known_nodes().
join(Node) -> ejabberd_cluster_mnesia:join(Node).
leave(Node) -> ejabberd_cluster_mnesia:leave(Node).
node_id() -> ejabberd_cluster_mnesia:node_id().
get_node_by_id(Id) -> ejabberd_cluster_mnesia:get_node_by_id(Id).
wait_for_sync(Timeout) -> ejabberd_cluster_mnesia:wait_for_sync(Timeout).
subscribe(Process) -> ejabberd_cluster_mnesia:subscribe(Process).

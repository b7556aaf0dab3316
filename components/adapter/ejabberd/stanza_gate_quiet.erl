%% Whether what was carried out has come to the end of its way through the server: into every connection that takes it.
%%
%% A stanza goes from process to process: from its sender's session to a room, and from there to another session. None of
%% them says when it is done. So they are looked at in rounds. A round is over when each process that was busy when it began
%% has been seen idle since. What was on its way before a round began has taken one step at least when it is over, and the
%% longest way has ?STEPS. What these have stored is on the disk by then: each round waits for whoever writes it, and nothing is
%% stored by the last step. Other nodes of a cluster look at theirs (stanza_gate_nodes). Pure but for what is seen (is_pending/1, everybody/0).

-module(stanza_gate_quiet).

-export([new/0, ripen/6, look/3, ticket/1, ended/1, busy/0, is_pending/1]).

-define(STEPS, 3).

%% No round has begun; rounds are numbered from 1.
new() -> #{begun => 0, pending => []}.

%% See how far everything up to the number Done is at the end of its way. Gives the status with that, and what was seen. Nothing
%% is looked at where there is nothing to see, and nobody asks.
ripen(Now, LagMs, Done, IsAsked, Status, Quiet) ->
    case IsAsked orelse stanza_gate_status:is_ripening(Done, Status) of
        true ->
            Seen = look(fun is_pending/1, fun() -> everybody() ++ [stanza_gate_written:writer() | stanza_gate_nodes:ask_all()] end, Quiet),
            Facts = #{now => Now, lag_ms => LagMs, ticket => ticket(Quiet), ended => ended(Seen)},
            {stanza_gate_status:ripen(Facts, Done, Status), Seen};
        false ->
            {Status, Quiet}
    end.

%% Look again: IsBusy says it of a process, Everybody gives all of them. Rounds that end at once are followed by the next.
look(IsBusy, Everybody, Quiet) -> look(IsBusy, Everybody, Quiet, ?STEPS).

look(_, _, Quiet, 0) ->
    Quiet;
look(IsBusy, Everybody, #{begun := Begun, pending := Pending} = Quiet, Rounds) ->
    case [Pid || Pid <- Pending, IsBusy(Pid)] of
        [] ->
            Next = #{begun => Begun + 1, pending => [Pid || Pid <- Everybody(), IsBusy(Pid)]},
            case maps:get(pending, Next) of [] -> look(IsBusy, Everybody, Next, Rounds - 1); _ -> Next end;
        Left ->
            Quiet#{pending := Left}
    end.

%% The round that has to be over until what happens now is at its end.
ticket(#{begun := Begun}) -> Begun + ?STEPS.

%% So many rounds are over.
ended(#{begun := Begun, pending := []}) -> Begun;
ended(#{begun := Begun}) -> Begun - 1.

%% What a round waits for: a process that is busy, or the answer of another node.
is_pending(Ref) when is_reference(Ref) -> stanza_gate_nodes:is_unanswered(Ref);
is_pending(Pid) -> is_busy(Pid).

%% Who is busy on this node.
busy() -> [Pid || Pid <- [stanza_gate_written:writer() | everybody()], is_busy(Pid)].

%% A process is idle where it waits for its next message and has none: not in the middle of a call, or of writing.
is_busy(Pid) ->
    case process_info(Pid, [message_queue_len, status, current_function]) of
        [{_, 0}, {_, waiting}, {_, {Module, _, _}}] ->
            not lists:member(Module, [gen_server, p1_server, p1_fsm, gen_statem, gen_event, erlang]);
        undefined ->
            false;
        _ ->
            true
    end.

%% All sessions, streams and rooms of this node, and the workers of modules.
everybody() ->
    Rooms = [gen_mod:get_module_proc(Host, Name) || Host <- ejabberd_option:hosts(), Name <- [mod_muc_sup, mod_muc_room_sup]],
    Supervisors = [ejabberd_c2s_sup, ejabberd_service_sup, ejabberd_s2s_in_sup, ejabberd_s2s_out_sup, ejabberd_gen_mod_sup | Rooms],
    lists:usort([Pid || Supervisor <- Supervisors, Pid <- children(whereis(Supervisor)), Pid =/= self()]).

%% A supervisor is linked to its children: asking it would keep it from its work.
children(undefined) -> [];
children(Supervisor) ->
    case process_info(Supervisor, links) of
        {links, Links} -> [Pid || Pid <- Links, is_pid(Pid)];
        undefined -> []
    end.

%% Writes to the gate: all that waits goes out at once. The stream's own process would write each submission by itself, which costs
%% the server and the gate more than anything else about it (docs/decisions/0342).
%%
%% One process for each stream of the gate. It ends with the stream, and ends the stream when it cannot write.

-module(stanza_gate_writer).

-export([start/1, write/2, run/1, gathered/2]).

%% So much is written at once, and what is written last may be beyond it.
-define(ENOUGH_BYTES, 65536).

start(Stream) -> proc_lib:spawn(?MODULE, run, [Stream]).

write(Element, Writer) ->
    Writer ! {stanza_gate_write, Element},
    ok.

run(Stream) ->
    Monitor = erlang:monitor(process, Stream),
    try write_all(Monitor, maps:get(socket, sys:get_state(Stream)))
    catch Class:Reason ->
        % Reasons quote what was said.
        logger:error("stanza_gate: nothing can be written to the gate: ~p ~p", [Class, stanza_gate_guard:name_of(Reason)])
    end,
    xmpp_stream_in:close(Stream).

write_all(Monitor, Socket) ->
    receive
        {stanza_gate_write, Element} ->
            % Whoever is about to say something does so first: that goes out by the same call.
            erlang:yield(),
            case xmpp_socket:send(Socket, gathered(Element, [])) of
                ok -> write_all(Monitor, Socket);
                {error, _} -> ok
            end;
        {'DOWN', Monitor, process, _, _} ->
            ok
    end.

%% An element after what was Before, and with all that waits, in order, as far as it is not enough.
gathered(Element, Before) ->
    Written = [Before, fxml:element_to_binary(Element)],
    case iolist_size(Written) >= ?ENOUGH_BYTES of
        true -> Written;
        false -> receive {stanza_gate_write, Next} -> gathered(Next, Written) after 0 -> Written end
    end.

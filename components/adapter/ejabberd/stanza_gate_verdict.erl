%% What a verdict means for each submission (docs/gate-protocol.md, section 4.2). Pure: values in, values out.

-module(stanza_gate_verdict).

-export([is_in_turn/3, numbers/2, receipt/2, outcome/4]).

%% Whether a verdict is the next one on what was submitted in this epoch.
is_in_turn(#{epoch := Epoch, seq := Seq, through := Through}, Epoch, Queue) ->
    Through < stanza_gate_queue:next(Queue) andalso Seq =< stanza_gate_queue:first(Queue);
is_in_turn(_, _, _) ->
    false.

%% The numbers that a verdict in turn decides: none where it is late, as all that it names was given back meanwhile.
numbers(#{through := Through}, Queue) ->
    lists:seq(stanza_gate_queue:first(Queue), max(Through, stanza_gate_queue:first(Queue) - 1)).

%% The id of a submission's record.
receipt(Seq, #{seq := From, log := Log, first := First}) ->
    <<Log/binary, "/", (integer_to_binary(First + Seq - From))/binary>>.

%% What is done with an entry of the window, and what becomes of its number: `settle`, `bounce`, or `wait` until it is
%% carried out. The kind is `noted` or `made`, {held, From}, or {canary, Stanza} and {inject, Stanza}, for which nobody waits.
outcome(Kind, _, _, _) when Kind =:= noted; Kind =:= made ->
    {nothing, settle};
outcome({held, From}, released, Seq, Receipt) ->
    {{reply, From, {carry_out, Seq, Receipt, none}}, wait};
outcome({held, From}, {amend, {xmlel, _, _, _} = Amended}, Seq, Receipt) ->
    {{reply, From, {carry_out, Seq, Receipt, Amended}}, wait};
outcome({held, From}, {refuse, Error}, _, _) ->
    {{reply, From, {answer, Error}}, settle};
outcome({held, From}, {keep, none}, _, _) ->
    {{reply, From, silent}, settle};
outcome({held, From}, {keep, Error}, _, _) ->
    {{reply, From, {answer, Error}}, settle};
outcome({held, From}, _, _, _) ->
    {{reply, From, {bounced, failed}}, bounce};
outcome({_, Stanza}, released, Seq, Receipt) ->
    {{carry_out, Seq, Stanza, Receipt}, wait};
outcome(_, {refuse, _}, _, _) ->
    {nothing, settle};
outcome(_, {keep, _}, _, _) ->
    {nothing, settle};
outcome(_, _, _, _) ->
    {nothing, bounce}.

%% Quarantine: what ends the gate's stream by being submitted is submitted no more as it is, and everything else goes on
%% (docs/gate-protocol.md, section 5.10). Pure: no process, no clock.
%%
%% Owns what of the window was submitted on this stream: after a break all of it is suspect, so it goes out a few at a time,
%% and alone what was there at two breaks. Of an entry it sets `breaks` and `unread`, how often it was there when the stream
%% broke, and was named by the gate; and `quarantined`, when its `xml` is the form in which nothing looks into it.

-module(stanza_gate_quarantine).

-export([new/0, begin_again/2, go_on/2, is_careful/1, answered/1, named/2, broken/2]).

%% How often an entry may break the stream.
-define(ONCE_TOO_OFTEN, 2).
%% So many that are in doubt go out together at most.
-define(PACK_MAX, 1024).

%% While it is careful, what has a higher number than `through` is not submitted yet. `named` is what the gate could not read.
new() -> #{is_careful => false, through => 0, pack => 1, is_answered => false, named => none}.

%% The gate is connected. Gives the entries to submit now, as go_on/2 does later.
begin_again(Queue, Quarantine) ->
    go_on(Queue, Quarantine#{is_careful := true, through := 0, pack := 1, is_answered := false, named := none}).

%% Something was answered, or its time was over. What was submitted before the break has the lowest numbers: when that is
%% through, the rest follows at once.
go_on(Queue, #{is_careful := true, through := Through} = Quarantine) ->
    case stanza_gate_queue:first(Queue) > Through of
        true -> next_pack(stanza_gate_queue:entries(Queue), Quarantine);
        false -> {[], Quarantine}
    end;
go_on(_, Quarantine) ->
    {[], Quarantine}.

%% As much again as was answered, and alone what was there at two breaks.
next_pack([{_, #{breaks := Breaks}} | _] = Entries, #{pack := Pack} = Quarantine) ->
    Few = case Breaks >= ?ONCE_TOO_OFTEN of
        true -> [hd(Entries)];
        false -> lists:takewhile(fun({_, Entry}) -> breaks(Entry) < ?ONCE_TOO_OFTEN end, lists:sublist(Entries, Pack))
    end,
    {Few, Quarantine#{through := element(1, lists:last(Few)), pack := min(Pack * 2, ?PACK_MAX)}};
next_pack(Entries, Quarantine) ->
    {Entries, Quarantine#{is_careful := false}}.

breaks(Entry) -> maps:get(breaks, Entry, 0).

%% Whether something is not submitted yet: then a status would be ahead of it.
is_careful(#{is_careful := IsCareful}) -> IsCareful.

%% The gate has given a verdict on this stream.
answered(Quarantine) -> Quarantine#{is_answered := true}.

%% The gate could not read on in this submission, and closes the stream for it.
named(Seq, Quarantine) -> Quarantine#{named := Seq}.

%% The gate's stream has ended. Gives the window with what is known now, and what comes of it: `nothing`,
%% {quarantined, Seq}, or {unrecorded, Seq} for what ended the stream even in quarantine.
broken(Queue, #{named := Named} = Quarantine) ->
    case stanza_gate_queue:find(Named, Queue) of
        none -> suspect(suspects(Queue, Quarantine), Queue, Quarantine);
        Entry -> blame(Named, Entry, Queue)
    end.

%% The gate has named what it was. Twice, so that it is not laid to what came to harm on its way.
blame(Seq, Entry, Queue) ->
    Unread = maps:get(unread, Entry, 0) + 1,
    Queue1 = stanza_gate_queue:change(Seq, Entry#{unread => Unread}, Queue),
    case Unread >= ?ONCE_TOO_OFTEN of
        true -> put_away(Seq, Queue1);
        false -> {Queue1, nothing}
    end.

%% What was submitted on this stream and is not answered.
suspects(Queue, #{is_careful := false}) ->
    stanza_gate_queue:entries(Queue);
suspects(Queue, #{through := Through}) ->
    [Pair || {Seq, _} = Pair <- stanza_gate_queue:entries(Queue), Seq =< Through].

%% What is alone at its second break, or, where the gate has answered on this stream and may have ended for another reason,
%% at its third.
suspect(Suspects, Queue, #{is_answered := IsAnswered}) ->
    Queue1 = lists:foldl(fun({Seq, Entry}, Acc) ->
        stanza_gate_queue:change(Seq, Entry#{breaks => breaks(Entry) + 1}, Acc)
    end, Queue, Suspects),
    Most = case IsAnswered of true -> ?ONCE_TOO_OFTEN + 1; false -> ?ONCE_TOO_OFTEN end,
    case Suspects of
        [{Seq, Entry}] ->
            case breaks(Entry) + 1 >= Most of
                true -> put_away(Seq, Queue1);
                false -> {Queue1, nothing}
            end;
        _ ->
            {Queue1, nothing}
    end.

put_away(Seq, Queue) ->
    case stanza_gate_queue:find(Seq, Queue) of
        #{quarantined := true} ->
            {Queue, {unrecorded, Seq}};
        #{xml := Xml} = Entry ->
            Hidden = Entry#{xml := stanza_gate_wire:quarantined(Xml), quarantined => true},
            {stanza_gate_queue:change(Seq, Hidden, Queue), {quarantined, Seq}}
    end.

%% The window: the submitted entries without a verdict, by their numbers (docs/gate-protocol.md, section 3), and how far
%% everything is settled. Pure: no process, no clock.
%%
%% An entry is a map; the window reads its `size` (bytes), and `until`, the time at which it is bounced: `never` for what
%% waits for the gate without a limit. An entry leaves the window with its verdict or its bounce. It is settled when it
%% is carried out, refused, bounced or kept.

-module(stanza_gate_queue).

-export([new/2, add/2, find/2, change/3, remove/2, settle/2, overdue/2, limited/1, entries/1, first/1, next/1, done/1, is_full/2,
         is_full_of_patient/1, count/1]).

new(MaxStanzas, MaxBytes) ->
    #{entries => gb_trees:empty(), next => 1, bytes => 0, patient => 0, through => 0, ahead => #{},
      max_stanzas => MaxStanzas, max_bytes => MaxBytes}.

%% Put an entry under the next number.
add(#{size := Size} = Entry, #{entries := Entries, next := Seq, bytes := Bytes, patient := Patient} = Queue) ->
    {Seq, Queue#{entries := gb_trees:insert(Seq, Entry, Entries), next := Seq + 1, bytes := Bytes + Size,
                 patient := Patient + patient(Entry)}}.

patient(#{until := never}) -> 1;
patient(_) -> 0.

find(Seq, #{entries := Entries}) ->
    case gb_trees:lookup(Seq, Entries) of {value, Entry} -> Entry; none -> none end.

%% What is known of an entry in the window is this now.
change(Seq, Entry, #{entries := Entries} = Queue) ->
    Queue#{entries := gb_trees:update(Seq, Entry, Entries)}.

%% Take an entry out: it has its verdict, or none comes any more.
remove(Seq, #{entries := Entries, bytes := Bytes, patient := Patient} = Queue) ->
    case gb_trees:lookup(Seq, Entries) of
        {value, #{size := Size} = Entry} ->
            Queue#{entries := gb_trees:delete(Seq, Entries), bytes := Bytes - Size, patient := Patient - patient(Entry)};
        none -> Queue
    end.

%% Nothing is left to do for this number. Said twice, it counts once.
settle(Seq, #{through := Through, ahead := Ahead} = Queue) when Seq > Through ->
    advance(Queue#{ahead := Ahead#{Seq => true}});
settle(_, Queue) ->
    Queue.

advance(#{through := Through, ahead := Ahead} = Queue) ->
    case maps:take(Through + 1, Ahead) of
        {true, Rest} -> advance(Queue#{through := Through + 1, ahead := Rest});
        error -> Queue
    end.

%% The numbers and entries whose time is over, in order.
overdue(Now, Queue) ->
    [Pair || {_, #{until := Until}} = Pair <- entries(Queue), Until =/= never, Until =< Now].

%% Those that are bounced when their time is over, in order.
limited(Queue) ->
    [Pair || {_, #{until := Until}} = Pair <- entries(Queue), Until =/= never].

%% All numbers and entries, in order.
entries(#{entries := Entries}) ->
    gb_trees:to_list(Entries).

%% The lowest number in the window; that of the next entry where it is empty.
first(#{entries := Entries, next := Next}) ->
    case gb_trees:is_empty(Entries) of
        true -> Next;
        false -> element(1, gb_trees:smallest(Entries))
    end.

next(#{next := Next}) -> Next.

%% Everything up to here is settled.
done(#{through := Through}) -> Through.

count(#{entries := Entries}) -> gb_trees:size(Entries).

%% Whether there is no room for an entry of this size.
is_full(Size, #{bytes := Bytes, max_stanzas := MaxStanzas, max_bytes := MaxBytes} = Queue) ->
    count(Queue) >= MaxStanzas orelse Bytes + Size > MaxBytes.

%% Whether as much waits without a time limit as the window has places.
is_full_of_patient(#{patient := Patient, max_stanzas := MaxStanzas}) ->
    Patient >= MaxStanzas.

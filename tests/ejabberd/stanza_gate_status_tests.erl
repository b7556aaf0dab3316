-module(stanza_gate_status_tests).
-compile([export_all, nowarn_export_all]).

queue() -> stanza_gate_queue:new(4, 100).

what_was_bounced_is_named_until_it_is_noted_test() ->
    Status = stanza_gate_status:add_bounced(7, stanza_gate_status:new()),
    true = stanza_gate_status:is_due([], Status),
    {#{n := 1, bounced := [{7, failed}]}, Told} = stanza_gate_status:tell(queue(), [], Status),
    false = stanza_gate_status:is_due([], Told),
    {#{n := 2, bounced := [{7, failed}, {8, failed}]}, Again} =
        stanza_gate_status:tell(queue(), [], stanza_gate_status:add_bounced(8, Told)),
    {#{bounced := [{8, failed}]}, _} = stanza_gate_status:tell(queue(), [], stanza_gate_status:forget(1, Again)),
    {#{bounced := []}, _} = stanza_gate_status:tell(queue(), [], stanza_gate_status:forget(2, Again)).

what_there_is_no_record_of_is_named_at_once_and_until_it_is_noted_test() ->
    Status = stanza_gate_status:add_unrecorded(7, stanza_gate_status:new()),
    true = stanza_gate_status:is_due([], Status),
    {#{done := 0, bounced := [{7, unrecorded}]}, Told} = stanza_gate_status:tell(queue(), [], Status),
    {#{bounced := [{7, unrecorded}]}, Again} = stanza_gate_status:tell(queue(), [], Told),
    {#{bounced := []}, _} = stanza_gate_status:tell(queue(), [], stanza_gate_status:forget(1, Again)).

what_was_not_told_is_not_forgotten_test() ->
    Status = stanza_gate_status:add_bounced(7, stanza_gate_status:new()),
    {#{bounced := [{7, failed}]}, _} = stanza_gate_status:tell(queue(), [], stanza_gate_status:forget(100, Status)).

turned_away_counts_from_the_last_status_test() ->
    Status = stanza_gate_status:add_turned_away(stanza_gate_status:add_turned_away(stanza_gate_status:new())),
    true = stanza_gate_status:is_due([], Status),
    {#{turned_away := 2}, Told} = stanza_gate_status:tell(queue(), [], Status),
    {#{turned_away := 0}, _} = stanza_gate_status:tell(queue(), [], Told).

done_follows_with_its_lag_and_never_goes_back_test() ->
    Facts = #{lag_ms => 10, ticket => 3, ended => 0},
    At = fun(Now, Done, Status) -> stanza_gate_status:ripen(Facts#{now => Now}, Done, Status) end,
    Status1 = At(0, 5, stanza_gate_status:new()),
    false = stanza_gate_status:is_due([], Status1),
    Status2 = At(9, 6, Status1),
    {#{done := 0}, _} = stanza_gate_status:tell(queue(), [], Status2),
    Status3 = At(10, 6, Status2),
    true = stanza_gate_status:is_due([], Status3),
    {#{done := 5}, Told} = stanza_gate_status:tell(queue(), [], Status3),
    false = stanza_gate_status:is_due([], Told),
    {#{done := 6}, _} = stanza_gate_status:tell(queue(), [], At(19, 6, Told)).

done_follows_at_once_where_it_has_come_where_it_belongs_test() ->
    At = fun(Ticket, Ended, Done, Status) ->
        stanza_gate_status:ripen(#{now => 0, lag_ms => 1000, ticket => Ticket, ended => Ended}, Done, Status)
    end,
    Status1 = At(3, 2, 5, stanza_gate_status:new()),
    false = stanza_gate_status:is_done(5, Status1),
    true = stanza_gate_status:is_ripening(5, Status1),
    Status2 = At(6, 3, 8, Status1),
    true = stanza_gate_status:is_done(5, Status2),
    false = stanza_gate_status:is_done(6, Status2),
    true = stanza_gate_status:is_done(8, At(9, 6, 8, Status2)).

ripe(Done, Status) ->
    stanza_gate_status:ripen(#{now => 0, lag_ms => 9, ticket => 3, ended => 3}, Done, Status).

what_the_server_refused_is_named_as_that_and_once_test() ->
    Refused = stanza_gate_status:add_refused(7, stanza_gate_status:add_refused(7, ripe(7, stanza_gate_status:new()))),
    true = stanza_gate_status:is_due([], Refused),
    {#{done := 7, bounced := [{7, refused}]}, Told} = stanza_gate_status:tell(queue(), [], Refused),
    false = stanza_gate_status:is_due([], Told),
    {#{bounced := [{7, refused}]}, _} = stanza_gate_status:tell(queue(), [], Told),
    {#{bounced := []}, _} = stanza_gate_status:tell(queue(), [], stanza_gate_status:forget(1, Told)),
    Failed = stanza_gate_status:add_refused(7, stanza_gate_status:add_bounced(7, stanza_gate_status:new())),
    {#{bounced := [{7, failed}]}, _} = stanza_gate_status:tell(queue(), [], Failed).

what_the_server_refused_is_named_when_it_is_done_with_test() ->
    Refused = stanza_gate_status:add_refused(7, stanza_gate_status:new()),
    false = stanza_gate_status:is_due([], Refused),
    {#{bounced := []}, Told} = stanza_gate_status:tell(queue(), [], Refused),
    % A status that did not name it is noted: it is not forgotten.
    {#{done := 7, bounced := [{7, refused}]}, _} =
        stanza_gate_status:tell(queue(), [], ripe(7, stanza_gate_status:forget(1, Told))).

a_host_that_is_not_held_is_told_once_test() ->
    Status = stanza_gate_status:new(),
    true = stanza_gate_status:is_due([<<"metals.example">>], Status),
    {#{unheld := [<<"metals.example">>]}, Told} = stanza_gate_status:tell(queue(), [<<"metals.example">>], Status),
    false = stanza_gate_status:is_due([<<"metals.example">>], Told),
    true = stanza_gate_status:is_due([], Told).

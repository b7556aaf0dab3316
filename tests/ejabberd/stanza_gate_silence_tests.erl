-module(stanza_gate_silence_tests).
-compile([export_all, nowarn_export_all]).

a_server_begins_without_a_gate_test() ->
    Silence = stanza_gate_silence:new(1000, 500),
    false = stanza_gate_silence:is_silent(1499, Silence),
    true = stanza_gate_silence:is_silent(1500, Silence),
    false = stanza_gate_silence:is_silent(9000, stanza_gate_silence:finish(Silence)).

it_counts_from_its_beginning_test() ->
    Heard = stanza_gate_silence:finish(stanza_gate_silence:new(0, 500)),
    Silence = stanza_gate_silence:begin_at(3000, stanza_gate_silence:begin_at(2000, Heard)),
    false = stanza_gate_silence:is_silent(2499, Silence),
    true = stanza_gate_silence:is_silent(2500, Silence).

a_gate_has_time_from_when_it_connected_test() ->
    Silence = stanza_gate_silence:new(0, 500),
    false = stanza_gate_silence:is_stuck(10_000, 8000, Silence),
    true = stanza_gate_silence:is_stuck(10_001, 8000, Silence),
    true = stanza_gate_silence:is_stuck(2001, 0, Silence),
    false = stanza_gate_silence:is_stuck(90_000, 0, stanza_gate_silence:finish(Silence)).

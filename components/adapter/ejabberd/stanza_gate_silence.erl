%% Whether the gate is silent (docs/gate-protocol.md, section 5.1). Pure: times are given, in milliseconds.

-module(stanza_gate_silence).

-export([new/2, begin_at/2, finish/1, is_silent/2, is_stuck/3]).

%% A gate that is connected and silent for so many timeouts would keep its successor out.
-define(TIMEOUTS_UNTIL_STUCK, 4).

%% There is no gate yet.
new(Now, TimeoutMs) -> #{since => Now, timeout_ms => TimeoutMs}.

%% The gate has gone, or gave no verdict on what was held at this time.
begin_at(Since, #{since := none} = Silence) -> Silence#{since := Since};
begin_at(_, Silence) -> Silence.

%% The gate has said something.
finish(Silence) -> Silence#{since := none}.

%% Whether it has lasted so long that nothing is held any more.
is_silent(_, #{since := none}) -> false;
is_silent(Now, #{since := Since, timeout_ms := TimeoutMs}) -> Now - Since >= TimeoutMs.

%% Whether it has lasted so long although the gate is connected.
is_stuck(_, _, #{since := none}) -> false;
is_stuck(Now, ConnectedAt, #{since := Since, timeout_ms := TimeoutMs}) ->
    Now - max(Since, ConnectedAt) > ?TIMEOUTS_UNTIL_STUCK * TimeoutMs.

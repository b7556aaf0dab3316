"""The parts that watch the gate at work: numbers, canaries, alarms, metrics."""

"""What watches the gate at work: numbers, canaries, alarms, figures."""

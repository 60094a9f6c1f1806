"""What a sound may be, for whoever opens files and for the graph that checks what it is sent. No TensorFlow."""

RATES = (1_000, 384_000)  # samples a second
LOUDEST = 8.0  # of a sample: integers of 16 bits that were never divided are far beyond
RATE_LINE = f"the rate of a sound is {RATES[0]} to {RATES[1]} samples a second"
LOUDEST_LINE = "samples of a sound are float32 in -1..1, and finite; divide integers by their largest"

"""The synthetic sample: a made-up county, its hazards and its laser scans, with the truth behind them."""

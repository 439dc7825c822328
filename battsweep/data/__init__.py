"""What a time series is: columns, units, signs; measured series in."""

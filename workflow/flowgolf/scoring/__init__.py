"""What a value is: windows, the ledger, losses of positions, bits per byte."""

"""From the records of a study to its tables, plots and pages. Imports no torch.

Four rooms: `results` is used by `tables` and `plots`, and all three by `pages`; no import goes the other way.
"""

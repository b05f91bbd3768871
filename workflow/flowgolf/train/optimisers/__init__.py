"""The optimisers: the name of a file is what `train.matrix_optimizer` and its siblings call it.

A file has one class, a torch optimiser with two more functions: `of(groups, settings, spread)` builds it for parameter
groups that have `params`, `lr` and `weight_decay`, and `scheduled(settings, step)` gives the hyper-parameters of its
own that change along a run, by their names in the groups. `spread` shares work on a batch among the processes of a run.
"""

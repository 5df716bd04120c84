"""From stored segments to the instances of a bag.

Numpy only, because processes that read stores load no torch.
"""

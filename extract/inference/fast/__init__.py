"""The fast path: rewritten layers whose results equal those of the readable networks within rounding.

One switch turns all of it off: VAD_FAST=0 in the environment, or prepare(..., fast=False). Then networks run
as extract.backbones defines them, with no private call of torch; rows agree to 1e-5 of their norm in fp32,
and on a CPU their last bits may depend on the place of a clip in its batch. Turn it off to rule out the fast
path when numbers are in doubt, or when a version of torch has changed the calls it relies on.
"""

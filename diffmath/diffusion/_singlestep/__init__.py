"""One-step samplers: exponential Runge-Kutta, Runge-Kutta in a noise level, ancestral steps, churn.

Belongs here: samplers that keep nothing from step to step, and what their steps share. May import:
`_process`, `_methods`; other packages: `ode` (tableaux), `symbolic` (phi-functions).
"""

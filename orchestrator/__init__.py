"""The grid: nodes, jobs, usage and the async processes that enforce policy and serve AI. May use coop; never governance."""

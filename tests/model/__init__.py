"""AWS's time and cost, modelled: what a worker does, how long each step takes, and which limits all workers share."""

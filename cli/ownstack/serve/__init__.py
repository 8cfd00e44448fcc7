"""The services as processes of their own: what `ownstack serve` runs. A composition root for each."""

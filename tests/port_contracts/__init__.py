"""What every implementation of a port promises: held by the fakes in memory and by the adapters on moto alike."""

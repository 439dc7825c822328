"""Making results happen: PyBaMM builds and solves, Dask fans out."""

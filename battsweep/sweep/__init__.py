"""What to compute: a sweep file becomes tasks. Pure; knows neither PyBaMM nor Dask."""

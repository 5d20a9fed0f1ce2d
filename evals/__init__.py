"""How good is it: suites over labelled rows, benchmarks, and the crash harness. Knows nothing of `server`."""

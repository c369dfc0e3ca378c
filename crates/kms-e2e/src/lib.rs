//! End-to-end tests with real AWS SDKs, the demo, chaos and the benchmark.

//! The step kinds: pure functions from a step and facts to reads and changes.

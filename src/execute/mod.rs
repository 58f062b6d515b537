//! The interpreter: reads facts, sends writes, waits, and tells what happens as events.

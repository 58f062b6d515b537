//! The heart: facts, merge, normalise, diff, schedule. Pure: no client, no tokio.

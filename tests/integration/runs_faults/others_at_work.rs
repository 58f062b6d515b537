//! Other people change the app while a run is on.

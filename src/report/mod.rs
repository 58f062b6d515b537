//! The frozen JSON shape of what a run tells.

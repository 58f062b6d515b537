//! Dockerfiles: what they say, and what is found in them.

mod model;
mod rules;
mod told;

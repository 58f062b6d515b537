//! The program as people and pipelines run it: a process of its own, with nothing of the developer's
//! surroundings in it.

mod confirm;
mod files;
mod fleet;
mod going_on;
mod graph;
mod hostile;
mod instances;
mod jobs;
mod journal;
mod json;
mod leaks;
mod lint;
mod many;
mod paths;
mod permissions;
pub mod place;
mod rollback;
mod sandboxed;
mod saved;
mod scaffold;
mod scaffold_image;
mod strangers;
mod targets;
mod test_command;
mod text;
mod undo;
mod usage;

//! Recipes as data, through the public surface.

mod built_in;

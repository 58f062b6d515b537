//! Checks of desired state, revision health and the recipe's own queries.

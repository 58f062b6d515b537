//! Recipes as data: model, loading, validation, catalogue, inputs, schema.

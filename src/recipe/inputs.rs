//! stub
use super::model::Instance;
use crate::expression::Tree;
use crate::value::Value;
use indexmap::IndexMap;
#[derive(Debug)]
pub struct Bound {
    pub instances: Vec<BoundInstance>,
}
#[derive(Debug)]
pub struct BoundInstance {
    pub instance: Instance,
    pub inputs: IndexMap<String, BoundInput>,
}
#[derive(Debug)]
pub struct BoundInput {
    pub value: BoundValue,
}
#[derive(Debug)]
pub enum BoundValue {
    Known(Value),
    Default(Tree),
    Required(String, Tree),
}

//! What a member returns.

use std::sync::Arc;

/// A dense array of 32-bit floats, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements; as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// One reply. A label is a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A label or running text.
    Text(Arc<str>),
    /// Anything that JSON can say.
    Json(Arc<serde_json::Value>),
    /// An embedding, scores, or any other array.
    Vector(Arc<Tensor>),
}

impl Value {
    /// Whether every number in it is finite. (JSON cannot hold any other.)
    pub fn is_finite(&self) -> bool {
        match self {
            Value::Text(_) | Value::Json(_) => true,
            Value::Vector(tensor) => tensor.data.iter().all(|x| x.is_finite()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

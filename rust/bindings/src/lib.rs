//! `ecology._core`: take, detach, call, wrap. No rule lives here.
//!
//! | file | binds |
//! |---|---|
//! | `accounts` | accounts without a population |
//! | `answer` | a finished request |
//! | `aggregate` | majority, best confidence |
//! | `bridge` | how an event loop learns of post: one wake-up for all that has come |
//! | `call` | calls that the interpreter may never return from |
//! | `classifier` | a file of a linear classifier |
//! | `convert` | values, JSON and requests across the boundary |
//! | `decision` | a routed request |
//! | `embedding` | static embeddings |
//! | `engine` | the engine and the calling thread |
//! | `errors` | refusals as the exceptions of `ecology.errors` |
//! | `fit` | factored routers from outcomes |
//! | `flight` | a request driven by an event loop |
//! | `intent` | a file of an intent model |
//! | `learn` | trainers |
//! | `learned` | what a router learned on line |
//! | `lin_ucb` | a contextual bandit |
//! | `member` | linear and served members, and members that are Python |
//! | `onnx` | members and graphs of onnxruntime |
//! | `router` | a file of router weights |
//! | `section` | where a thread works on Python objects, and how the process exits |
//! | `text` | features and signals |

mod accounts;
mod aggregate;
mod answer;
mod bridge;
mod call;
mod classifier;
mod convert;
mod decision;
mod embedding;
mod engine;
mod errors;
mod fit;
mod flight;
mod intent;
mod learn;
mod learned;
mod lin_ucb;
mod member;
mod onnx;
mod router;
mod section;
mod text;

use pyo3::prelude::*;

/// The compiled data plane of `ecology`.
#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use accounts::{AccountPath, Accounts, Reservation};
    #[pymodule_export]
    use aggregate::{best_confidence, majority};
    #[pymodule_export]
    use answer::Answer;
    #[pymodule_export]
    use bridge::Bridge;
    #[pymodule_export]
    use classifier::ClassifierWeights;
    #[pymodule_export]
    use decision::{Decision, replay};
    #[pymodule_export]
    use embedding::{PieceCounts, StaticEmbedding};
    #[pymodule_export]
    use engine::Engine;
    #[pymodule_export]
    use fit::{FittedRouter, fit_factored, fit_head};
    #[pymodule_export]
    use flight::{Flight, Post};
    #[pymodule_export]
    use intent::IntentWeights;
    #[pymodule_export]
    use learn::{
        Features, fit_dense, fit_router_heads, fit_sparse, fit_temperature, group_folds,
        out_of_fold_classifier, out_of_fold_dense, write_classifier,
    };
    #[pymodule_export]
    use learned::Learned;
    #[pymodule_export]
    use lin_ucb::LinUcb;
    #[pymodule_export]
    use member::{Member, linear_member, openai_member, python_member};
    #[pymodule_export]
    use onnx::{onnx_graph, onnx_member};
    #[pymodule_export]
    use router::RouterWeights;
    #[pymodule_export]
    use section::{exiting, forked};
    #[pymodule_export]
    use text::{default_features, extract, features_digest, signals};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // Early, so that it runs late: handlers that were registered after it may still ask.
        let py = module.py();
        py.import("atexit")?.call_method1("register", (wrap_pyfunction!(section::exiting, module)?,))?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

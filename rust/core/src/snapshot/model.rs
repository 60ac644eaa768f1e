//! One model as the data plane sees it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::budget::{Amounts, Resource};

/// Position of a model in its snapshot. Only meaningful together with that snapshot.
pub type ModelIndex = u16;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }
        impl $name {
            /// The word for it in descriptions and reports.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// What a model is in the population for.
    Role {
        /// Answers for its task today.
        Champion = "champion",
        /// Wants to.
        Challenger = "challenger",
        /// Valuable in a niche.
        Specialist = "specialist",
        /// The generalist that doubt goes to.
        Fallback = "fallback",
        /// Chooses models.
        Router = "router",
        /// Judges replies.
        Judge = "judge",
        /// Retrieves.
        Memory = "memory",
        /// Infers the task of a request that states none.
        Intent = "intent",
    }
}

impl Role {
    /// Whether a model of this role may write an answer.
    pub fn answers(self) -> bool {
        !matches!(self, Role::Router | Role::Judge | Role::Memory | Role::Intent)
    }
}

words! {
    /// A label of size.
    Tier {
        /// Microseconds.
        Small = "small",
        /// In between.
        Medium = "medium",
        /// The dear one.
        Large = "large",
    }
}

words! {
    /// How far a model has come.
    Stage {
        /// Registered.
        Candidate = "candidate",
        /// Sees a copy of traffic.
        Shadow = "shadow",
        /// Serves a share of traffic.
        Canary = "canary",
        /// Serves.
        Active = "active",
        /// Kept.
        Archived = "archived",
        /// Gone for good.
        Retired = "retired",
        /// Taken out at once.
        Quarantined = "quarantined",
    }
}

words! {
    /// How a digest is known.
    DigestKind {
        /// Computed from the content.
        Content = "content",
        /// Stated by the owner.
        Declared = "declared",
        /// Told by a server.
        Reported = "reported",
    }
}

/// What a call costs, in nano-USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Whether anybody stated it. Unknown is not free.
    pub known: bool,
    /// For one call.
    pub per_call: u64,
    /// For one token read.
    pub per_token_in: f64,
    /// For one token written.
    pub per_token_out: f64,
    /// For one millisecond of compute.
    pub per_compute_ms: f64,
}

impl Price {
    /// The price of a call that used so much, rounded up: a fraction of a nano-USD is not given away.
    pub fn of(&self, tokens_in: u64, tokens_out: u64, compute_us: u64) -> u64 {
        let variable = self.per_token_in * tokens_in as f64
            + self.per_token_out * tokens_out as f64
            + self.per_compute_ms * compute_us as f64 / 1e3;
        // `as` saturates, and turns a NaN (which validation refuses) into 0.
        self.per_call.saturating_add(variable.ceil() as u64).min(Amounts::MAX)
    }
}

/// One model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// `name@version`.
    pub id: Arc<str>,
    /// The name without the version.
    pub name: Arc<str>,
    /// SHA-256 of the content or of the manifest.
    pub digest: Arc<str>,
    /// How the digest is known.
    pub digest_kind: DigestKind,
    /// Its role.
    pub role: Role,
    /// Its label of size.
    pub tier: Tier,
    /// How far it has come.
    pub stage: Stage,
    /// Models of one family tend to err together.
    pub family: Arc<str>,
    /// The bound on one leg.
    pub timeout_ms: u32,
    /// Who is asked when it fails, before the ranking is.
    pub fallback: Option<ModelIndex>,
    /// Tasks it accepts; `any` is all.
    pub tasks: Vec<Arc<str>>,
    /// Languages it accepts.
    pub languages: Vec<Arc<str>>,
    /// Kinds of input it accepts.
    pub modalities: Vec<Arc<str>>,
    /// Data classes it may see.
    pub data_classes: Vec<Arc<str>>,
    /// Jurisdictions it may serve.
    pub jurisdictions: Vec<Arc<str>>,
    /// Longest input.
    pub max_input_bytes: u64,
    /// Labels that it may return; empty is unbounded.
    pub labels: Vec<Arc<str>>,
    /// The rule of the policy that keeps it out, such as `deny: *-nc`.
    pub denied_by: Option<Arc<str>>,
    /// Privileges that its contract needs and nobody granted.
    pub privileges_missing: Vec<Arc<str>>,
    /// What it costs.
    pub price: Price,
    /// Bound on the tokens of a reply.
    pub max_output_tokens: u32,
    /// Latency until there are measurements.
    pub expected_latency_ms: Option<f64>,
    /// Compute until there are measurements.
    pub expected_compute_ms: Option<f64>,
}

impl Model {
    /// Expected money for one call, for ranking.
    pub fn expected_nano_usd(&self, tokens_in: u64) -> u64 {
        self.price.of(tokens_in, self.expected_tokens_out(), self.expected_compute_us())
    }

    /// Expected tokens of a reply.
    pub fn expected_tokens_out(&self) -> u64 {
        // A quarter of the bound is a guess; the ledger replaces it once there are measurements.
        u64::from(self.max_output_tokens) / 4
    }

    /// Expected compute for one call.
    pub fn expected_compute_us(&self) -> u64 {
        (self.expected_compute_ms.unwrap_or(0.0) * 1e3) as u64
    }

    /// The most that one call may use: what is reserved before it. Compute is bounded by the leg's timeout.
    pub fn worst_case(&self, tokens_in: u64) -> Amounts {
        let tokens_out = u64::from(self.max_output_tokens);
        let compute_us = u64::from(self.timeout_ms) * 1_000;
        Amounts::of(Resource::NanoUsd, self.price.of(tokens_in, tokens_out, compute_us))
            .with(Resource::TokensIn, tokens_in)
            .with(Resource::TokensOut, tokens_out)
            .with(Resource::ComputeUs, compute_us)
    }
}

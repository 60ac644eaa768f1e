//! The snapshot: a validated spec, the clause masks made from it, and the router's weights.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::facts::worst_of;
use super::{
    Doubt, Intent, IntentWeights, MAX_MODELS, Mask, Model, ModelIndex, PlanSpec, RankingFacts, RouterWeights,
    SnapshotSpec, Stage, WorstCase,
};
use crate::budget::Resource;
use crate::text::{Extractor, ExtractorError, StaticEmbedding};

const ANY: &str = "any";

/// The longest context that anything is learned over on line: what a model's feedback teaches takes 8 bytes times its square.
pub const MOST_CONTEXT: usize = 576;

/// A spec that cannot be compiled. The control plane says so first and better; this is the last gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The text is not a spec.
    #[error("the compiled description is not valid: {0}")]
    Syntax(String),
    /// Too many models.
    #[error("{0} models, the most is {MAX_MODELS}")]
    TooManyModels(usize),
    /// A position that no model has.
    #[error("{place} names model {index}, there are {models}")]
    NoSuchModel {
        /// Where.
        place: String,
        /// The position.
        index: ModelIndex,
        /// How many there are.
        models: usize,
    },
    /// Votes cannot be weighed with these.
    #[error("a cascade averages with the weights {0}; none may be below 0 and one has to be above")]
    Weights(String),
    /// An id that two models have.
    #[error("two models are called {0}")]
    Duplicate(Arc<str>),
    /// A resource that does not exist.
    #[error("account {account} limits {resource}, which is no resource")]
    UnknownResource {
        /// Whose limit.
        account: String,
        /// Of what.
        resource: String,
    },
    /// The router's features are not the population's.
    #[error("the router was fitted on features {router}, the population uses {population}")]
    FeatureMismatch {
        /// Digest of the router's spec.
        router: String,
        /// Digest of the population's spec.
        population: String,
    },
    /// The intent model's features are not the population's.
    #[error("the intent model was fitted on features {intent}, the population uses {population}")]
    IntentFeatures {
        /// Digest of the intent model's spec.
        intent: String,
        /// Digest of the population's spec.
        population: String,
    },
    /// The intent model that is named is not the one that is there.
    #[error("the description names the intent model {named:?}, its weights are {found:?}")]
    OtherIntent {
        /// Digest by the spec.
        named: Option<Arc<str>>,
        /// Digest of the weights.
        found: Option<Arc<str>>,
    },
    /// Learning over so long a context would take too much memory.
    #[error("learning on line needs a context of at most {MOST_CONTEXT} numbers, this router's has {0}")]
    LearningContext(usize),
    /// The features cannot be extracted.
    #[error("the feature spec is not valid: {0}")]
    Features(String),
    /// The static embedding of the features is not at hand, or another one is.
    #[error("the features cannot be extracted: {0}")]
    Embedding(ExtractorError),
}

/// Which models accept each value of one clause; those that accept `any` accept also what is unstated.
#[derive(Clone, Debug, Default)]
pub struct ClauseTable {
    by_value: HashMap<Arc<str>, Mask>,
    any: Mask,
}

impl ClauseTable {
    fn of(models: &[Model], values: impl Fn(&Model) -> &[Arc<str>]) -> Self {
        let mut table = Self::default();
        for (index, model) in models.iter().enumerate() {
            for value in values(model) {
                if value.as_ref() == ANY {
                    table.any.insert(index);
                } else {
                    table.by_value.entry(Arc::clone(value)).or_default().insert(index);
                }
            }
        }
        table
    }

    /// Those that accept `value`; for `None`, those that accept anything.
    pub fn accepting(&self, value: Option<&str>) -> Mask {
        match value.and_then(|value| self.by_value.get(value)) {
            Some(mask) => mask.or(&self.any),
            None => self.any,
        }
    }

    /// Every value that some model names, sorted.
    pub fn values(&self) -> Vec<&str> {
        let mut values: Vec<&str> = self.by_value.keys().map(AsRef::as_ref).collect();
        values.sort_unstable();
        values
    }

    /// Those that accept anything.
    pub fn any(&self) -> &Mask {
        &self.any
    }
}

/// Everything learned that a snapshot is compiled with.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// The router's.
    pub router: Option<RouterWeights>,
    /// Those of the intent model.
    pub intent: Option<IntentWeights>,
    /// The static embedding that a member's features name, when neither of them brings it.
    pub embedding: Option<Arc<StaticEmbedding>>,
}

/// One compiled population. Immutable; shared by every request that started under it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What it was compiled from.
    pub spec: SnapshotSpec,
    /// What turns a prompt into features under `spec.features`.
    pub extractor: Extractor,
    /// Counts the swaps of this process.
    pub generation: u64,
    /// SHA-256 over the canonical spec and the digest of the router's weights.
    pub digest: Arc<str>,
    /// The learned router, if there is one.
    pub router: Option<RouterWeights>,
    /// What infers a task that a request does not state, if anything does.
    pub intent: Option<Intent>,
    /// For each model, its column in the router, if the router knows it.
    pub router_columns: Vec<Option<usize>>,
    /// The models that the router knows.
    pub routed: Mask,
    /// Every model.
    pub all: Mask,
    /// By role, stage, policy and privilege: what no request can change.
    pub answering: Mask,
    /// Active ones.
    pub active: Mask,
    /// Those that the policy admits.
    pub permitted: Mask,
    /// Those that have their privileges.
    pub privileged: Mask,
    /// Those whose price is known.
    pub priced: Mask,
    /// Tasks.
    pub tasks: ClauseTable,
    /// Languages.
    pub languages: ClauseTable,
    /// Modalities.
    pub modalities: ClauseTable,
    /// Data classes.
    pub data_classes: ClauseTable,
    /// Jurisdictions.
    pub jurisdictions: ClauseTable,
    /// What ranking asks of each model.
    pub ranking: Vec<RankingFacts>,
    /// At least what a call of any model may use.
    pub worst_case: WorstCase,
    /// The least `max_input_bytes` of all models: inputs below it need no look at each.
    pub least_max_input_bytes: u64,
}

impl Snapshot {
    /// Compiles a spec in JSON whose features name no static embedding but the router's.
    pub fn from_json(
        json: &str,
        router: Option<RouterWeights>,
        generation: u64,
    ) -> Result<Self, SnapshotError> {
        Self::from_json_over(json, Weights { router, ..Weights::default() }, generation)
    }

    /// Compiles a spec in JSON with all that was learned.
    pub fn from_json_over(json: &str, weights: Weights, generation: u64) -> Result<Self, SnapshotError> {
        let spec = serde_json::from_str(json).map_err(|error| SnapshotError::Syntax(error.to_string()))?;
        Self::compile_over(spec, weights, generation)
    }

    /// Compiles a spec whose features name no static embedding but the router's.
    pub fn compile(
        spec: SnapshotSpec,
        router: Option<RouterWeights>,
        generation: u64,
    ) -> Result<Self, SnapshotError> {
        Self::compile_with(spec, router, None, generation)
    }

    /// Compiles a spec. `embedding` is the one that a member's features name, when no router brings it.
    pub fn compile_with(
        spec: SnapshotSpec,
        router: Option<RouterWeights>,
        embedding: Option<Arc<StaticEmbedding>>,
        generation: u64,
    ) -> Result<Self, SnapshotError> {
        Self::compile_over(spec, Weights { router, embedding, intent: None }, generation)
    }

    /// Compiles a spec with all that was learned.
    pub fn compile_over(
        spec: SnapshotSpec,
        weights: Weights,
        generation: u64,
    ) -> Result<Self, SnapshotError> {
        let Weights { router, intent, embedding } = weights;
        check(&spec)?;
        if let Some(weights) = &router
            && weights.extractor().spec() != &spec.features
        {
            let (router, population) = (weights.extractor().spec().digest(), spec.features.digest());
            return Err(SnapshotError::FeatureMismatch { router, population });
        }
        if let Some(weights) = router.as_ref().filter(|_| spec.routing.learning.enabled)
            && weights.context_dimensions() > MOST_CONTEXT
        {
            return Err(SnapshotError::LearningContext(weights.context_dimensions()));
        }
        check_intent(&spec, intent.as_ref())?;
        let of_router = router.as_ref().and_then(|weights| weights.extractor().embedding());
        let of_intent = || intent.as_ref().and_then(|weights| weights.extractor().embedding());
        let embedding = of_router.or_else(of_intent).cloned().or(embedding);
        let extractor = Extractor::new(spec.features.clone(), embedding).map_err(SnapshotError::Embedding)?;
        let models = &spec.models;
        let those = |test: &dyn Fn(&Model) -> bool| -> Mask {
            models.iter().enumerate().filter(|(_, model)| test(model)).map(|(index, _)| index).collect()
        };
        let router_columns: Vec<Option<usize>> = {
            let known: HashMap<&str, usize> =
                router.iter().flat_map(|weights| weights.models()).map(AsRef::as_ref).zip(0..).collect();
            models.iter().map(|model| known.get(model.id.as_ref()).copied()).collect()
        };
        let min_confidence = spec.intent.as_ref().map_or(1.0, |intent| intent.min_confidence);
        let mut snapshot = Self {
            extractor,
            generation,
            intent: None,
            digest: digest(&spec, router.as_ref())?,
            answering: those(&|model| model.role.answers()),
            active: those(&|model| model.stage == Stage::Active),
            permitted: those(&|model| model.denied_by.is_none()),
            privileged: those(&|model| model.privileges_missing.is_empty()),
            priced: those(&|model| model.price.known),
            tasks: ClauseTable::of(models, |model| &model.tasks),
            languages: ClauseTable::of(models, |model| &model.languages),
            modalities: ClauseTable::of(models, |model| &model.modalities),
            data_classes: ClauseTable::of(models, |model| &model.data_classes),
            jurisdictions: ClauseTable::of(models, |model| &model.jurisdictions),
            least_max_input_bytes: models.iter().map(|model| model.max_input_bytes).min().unwrap_or(0),
            ranking: models.iter().map(RankingFacts::of).collect(),
            worst_case: worst_of(models),
            routed: router_columns
                .iter()
                .zip(0..)
                .filter_map(|(column, index)| column.map(|_| index))
                .collect(),
            all: Mask::first(models.len()),
            router_columns,
            router,
            spec,
        };
        let serves = |task: &str| !snapshot.serving(task).is_empty();
        snapshot.intent = intent.map(|weights| Intent::new(weights, min_confidence, serves));
        Ok(snapshot)
    }

    /// The models that serve and accept a task, whatever else a request states.
    fn serving(&self, task: &str) -> Mask {
        [&self.active, &self.permitted, &self.privileged, &self.tasks.accepting(Some(task))]
            .into_iter()
            .fold(self.answering, |mask, more| mask.and(more))
    }

    /// The same population under weights that learned something: another generation with another digest.
    pub fn relearned(&self, router: RouterWeights, generation: u64) -> Result<Self, SnapshotError> {
        let digest = digest(&self.spec, Some(&router))?;
        Ok(Self { generation, digest, router: Some(router), ..self.clone() })
    }

    /// The model at a position.
    pub fn model(&self, index: ModelIndex) -> &Model {
        &self.spec.models[usize::from(index)]
    }

    /// The position of a model by id or by name.
    pub fn find(&self, name: &str) -> Option<ModelIndex> {
        let models = &self.spec.models;
        let by_id = models.iter().position(|model| model.id.as_ref() == name);
        let by_name = || models.iter().position(|m| m.name.as_ref() == name && m.stage == Stage::Active);
        // A name whose only versions do not serve still names them: their reason is the stage, not that nobody asked.
        let any_stage = || models.iter().position(|m| m.name.as_ref() == name);
        by_id.or_else(by_name).or_else(any_stage).map(|at| at as ModelIndex)
    }

    /// How sure an answer of a task has to be, if its plan says so.
    pub fn doubt(&self, task: Option<&str>) -> Option<Doubt> {
        match task.filter(|task| self.spec.plans.contains_key(*task)) {
            Some(task) => self.spec.doubts.get(task).copied(),
            None => self.spec.default_doubt,
        }
    }

    /// The plan of a task.
    pub fn plan(&self, task: Option<&str>) -> &PlanSpec {
        task.and_then(|task| self.spec.plans.get(task)).unwrap_or(&self.spec.default_plan)
    }
}

/// The weights are those that the spec names, over the features of the population.
fn check_intent(spec: &SnapshotSpec, weights: Option<&IntentWeights>) -> Result<(), SnapshotError> {
    let named = spec.intent.as_ref().map(|intent| Arc::clone(&intent.digest));
    let found = weights.map(|weights| Arc::clone(weights.digest()));
    if named != found {
        return Err(SnapshotError::OtherIntent { named, found });
    }
    match weights.map(|weights| weights.extractor().spec()) {
        Some(features) if *features != spec.features => {
            let (intent, population) = (features.digest(), spec.features.digest());
            Err(SnapshotError::IntentFeatures { intent, population })
        }
        _ => Ok(()),
    }
}

fn check(spec: &SnapshotSpec) -> Result<(), SnapshotError> {
    let models = spec.models.len();
    if models > MAX_MODELS {
        return Err(SnapshotError::TooManyModels(models));
    }
    spec.features.validate().map_err(|error| SnapshotError::Features(error.to_string()))?;
    let mut seen = std::collections::HashSet::new();
    for model in &spec.models {
        if !seen.insert(&model.id) {
            return Err(SnapshotError::Duplicate(Arc::clone(&model.id)));
        }
    }
    let named = |place: &str, index: Option<ModelIndex>| match index {
        Some(index) if usize::from(index) >= models => {
            Err(SnapshotError::NoSuchModel { place: place.to_owned(), index, models })
        }
        _ => Ok(()),
    };
    named("baseline", spec.baseline)?;
    for model in &spec.models {
        named(&format!("fallback of {}", model.id), model.fallback)?;
    }
    for rule in &spec.routing.rules {
        named(&format!("rule {}", rule.name), rule.model)?;
    }
    for plan in spec.plans.values().chain([&spec.default_plan]) {
        match plan {
            PlanSpec::Direct { model, .. } => named("a direct plan", *model)?,
            PlanSpec::Cascade { first, then, average, .. } => {
                named("a cascade", *first)?;
                named("a cascade", *then)?;
                let sound = |weights: &[f64; 2]| {
                    weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().sum::<f64>() > 0.0
                };
                if let Some(weights) = average.filter(|weights| !sound(weights)) {
                    return Err(SnapshotError::Weights(format!("{weights:?}")));
                }
            }
            PlanSpec::Adaptive { .. } => {}
        }
    }
    for (account, limits) in &spec.accounts {
        if let Some(resource) = limits.keys().find(|name| Resource::from_name(name).is_none()) {
            return Err(SnapshotError::UnknownResource {
                account: account.clone(),
                resource: resource.clone(),
            });
        }
    }
    Ok(())
}

fn digest(spec: &SnapshotSpec, router: Option<&RouterWeights>) -> Result<Arc<str>, SnapshotError> {
    let json = serde_json::to_string(spec).map_err(|error| SnapshotError::Syntax(error.to_string()))?;
    let mut hasher = Sha256::new();
    hasher.update(json.as_bytes());
    if let Some(weights) = router {
        hasher.update(weights.digest().as_bytes());
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{hex}").into())
}

//! A request that was admitted and routed: everything before the first leg.

use std::sync::Arc;

use super::{Live, Refusal, Request};
use crate::admission::{Ask, Clause, Verdict, admit};
use crate::budget::{AccountPath, Amounts, Limits, Resource};
use crate::router::{Decision, Inputs, decide};
use crate::snapshot::{Doubt, Inferred, Mask, PlanSpec, Snapshot};
use crate::text::Features;

/// Reads the task of a request that states none, and puts it into `ask` unless the intent model abstains.
pub(super) fn infer(snapshot: &Snapshot, ask: &mut Ask, features: &Features) -> Option<Inferred> {
    let intent = snapshot.intent.as_ref().filter(|_| ask.task.is_none())?;
    let inferred = intent.infer(features);
    ask.task = inferred.task().cloned();
    Some(inferred)
}

/// Fills what the request leaves unstated from the policy's defaults.
pub(super) fn with_defaults(snapshot: &Snapshot, mut ask: Ask) -> Ask {
    let defaults = &snapshot.spec.defaults;
    let fill = |mine: &mut Option<Arc<str>>, default: &Option<Arc<str>>| {
        if mine.is_none() {
            mine.clone_from(default);
        }
    };
    fill(&mut ask.task, &defaults.task);
    fill(&mut ask.language, &defaults.language);
    fill(&mut ask.data_class, &defaults.data_class);
    fill(&mut ask.jurisdiction, &defaults.jurisdiction);
    ask.risk.get_or_insert(defaults.risk);
    ask
}

/// The models whose worst case fits into the headroom of the path, now.
fn affordable(snapshot: &Snapshot, path: &AccountPath, tokens_in: u64) -> Mask {
    let all = snapshot.all;
    if path.is_empty() {
        return all;
    }
    let headroom = Resource::ALL.map(|resource| path.headroom(resource).unwrap_or(u64::MAX));
    if headroom.iter().all(|left| *left == u64::MAX) {
        return all;
    }
    let fits = |worst: Amounts| {
        Resource::ALL.iter().zip(headroom).all(|(resource, left)| worst.get(*resource) <= left)
    };
    // Far from the limits, which is the rule, nobody needs a look at each model.
    if fits(snapshot.worst_case.amounts(tokens_in)) {
        return all;
    }
    all.iter().filter(|index| fits(snapshot.spec.models[*index].worst_case(tokens_in))).collect()
}

/// A request that was admitted and routed: every input of the decision, and the decision.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The population under which the request runs, whatever is swapped in meanwhile.
    pub snapshot: Arc<Snapshot>,
    /// The request, after the policy's defaults.
    pub request: Request,
    /// What the intent model said; `None` when nobody asked it: the task was stated, or there is no such model.
    pub inferred: Option<Inferred>,
    /// The models that the budget could pay for.
    pub affordable: Mask,
    /// Who may serve, and why the others may not.
    pub verdict: Verdict,
    /// The ranking.
    pub decision: Decision,
}

impl Routed {
    /// Admits and routes. Nothing is reserved or started yet. Also gives the accounts that will pay.
    pub fn route(
        snapshot: Arc<Snapshot>,
        live: &Live,
        mut request: Request,
    ) -> Result<(Self, AccountPath), Refusal> {
        let inferred = infer(&snapshot, &mut request.ask, &request.features);
        request.ask = with_defaults(&snapshot, request.ask);
        let path = live.accounts.path(&request.account, request.limits);
        request.ask.money_is_limited = path.limits(Resource::NanoUsd);
        let affordable = affordable(&snapshot, &path, request.tokens_in);
        match Self::decided(snapshot, request, inferred, affordable) {
            Ok(routed) => Ok((routed, path)),
            Err(undecided) => Err(refusal(&undecided, &path)),
        }
    }

    /// The pure part: with the budget's verdict given, the same inputs give the same decision. Gives the inputs back when nobody
    /// is eligible.
    pub(super) fn decided(
        snapshot: Arc<Snapshot>,
        request: Request,
        inferred: Option<Inferred>,
        affordable: Mask,
    ) -> Result<Self, Box<Undecided>> {
        let verdict = admit(&snapshot, &request.ask, &affordable);
        let inputs = Inputs {
            features: &request.features,
            verdict: &verdict,
            task: request.ask.task.as_deref(),
            tokens_in: request.tokens_in,
            explores: explores(&snapshot, &request.ask),
            seed: request.seed,
        };
        match decide(&snapshot, &inputs) {
            Some(decision) => Ok(Self { snapshot, request, inferred, affordable, verdict, decision }),
            None => Err(Box::new(Undecided { snapshot, request, verdict })),
        }
    }

    /// How sure its answer has to be.
    pub fn doubt(&self) -> Option<Doubt> {
        self.snapshot.doubt(self.request.ask.task.as_deref())
    }

    /// The plan that carries the request out.
    pub fn plan(&self) -> &PlanSpec {
        self.snapshot.plan(self.request.ask.task.as_deref())
    }
}

/// Who would be chosen for many prompts under the same constraints, without what is kept of a single decision.
#[derive(Clone, Debug)]
pub struct Chooser {
    snapshot: Arc<Snapshot>,
    path: AccountPath,
    ask: Ask,
    explores: bool,
    /// Whether each prompt says for itself which task it is.
    infers: bool,
}

impl Chooser {
    /// Constraints as a request states them; the defaults of the policy fill the rest.
    pub fn new(
        snapshot: Arc<Snapshot>,
        live: &Live,
        ask: Ask,
        account: &str,
        limits: Option<Limits>,
    ) -> Self {
        let infers = ask.task.is_none() && snapshot.intent.is_some();
        let mut ask = with_defaults(&snapshot, ask);
        let path = live.accounts.path(account, limits);
        ask.money_is_limited = path.limits(Resource::NanoUsd);
        let explores = explores(&snapshot, &ask);
        Self { snapshot, path, ask, explores, infers }
    }

    /// The decision that [`Routed::route`] would make; `None` where that would refuse.
    pub fn choose(
        &mut self,
        features: &Features,
        input_bytes: u64,
        tokens_in: u64,
        seed: u64,
    ) -> Option<Decision> {
        self.ask.input_bytes = input_bytes;
        if self.infers {
            self.ask.task = None;
            infer(&self.snapshot, &mut self.ask, features);
            if self.ask.task.is_none() {
                self.ask.task.clone_from(&self.snapshot.spec.defaults.task);
            }
            self.explores = explores(&self.snapshot, &self.ask);
        }
        let verdict = admit(&self.snapshot, &self.ask, &affordable(&self.snapshot, &self.path, tokens_in));
        let (task, explores) = (self.ask.task.as_deref(), self.explores);
        let inputs = Inputs { features, verdict: &verdict, task, tokens_in, explores, seed };
        decide(&self.snapshot, &inputs)
    }
}

/// Whether the plan begins with the first in rank, and the risk lets another model be tried.
fn explores(snapshot: &Snapshot, ask: &Ask) -> bool {
    let plan = snapshot.plan(ask.task.as_deref());
    let begins_with_the_first =
        !matches!(plan, PlanSpec::Cascade { .. } | PlanSpec::Direct { model: Some(_), .. });
    begins_with_the_first && snapshot.spec.routing.explores(ask.risk.unwrap_or_default())
}

/// A request that nobody may serve.
#[derive(Debug)]
pub(super) struct Undecided {
    snapshot: Arc<Snapshot>,
    request: Request,
    verdict: Verdict,
}

/// The most helpful of the reasons for which nobody is eligible.
fn refusal(undecided: &Undecided, path: &AccountPath) -> Refusal {
    let Undecided { snapshot, request, verdict } = undecided;
    if let Some(task) = &request.ask.task
        && snapshot.tasks.accepting(Some(task)).is_empty()
    {
        let known = snapshot.tasks.values().into_iter().map(str::to_owned).collect();
        return Refusal::UnknownTask { task: Arc::clone(task), known };
    }
    // Who would serve if money were no object? The cheapest of them says what is missing.
    let too_dear =
        (0..snapshot.spec.models.len()).filter(|index| verdict.failed(*index).eq([Clause::Budget]));
    let worst = too_dear.map(|index| snapshot.spec.models[index].worst_case(request.tokens_in));
    if let Some(least) = worst.min_by_key(|amounts| amounts.get(Resource::NanoUsd))
        && let Err(refused) = path.reserve(least).map(drop)
    {
        return Refusal::BudgetExhausted(refused);
    }
    Refusal::NoEligibleModel(verdict.reasons(snapshot, &request.ask))
}

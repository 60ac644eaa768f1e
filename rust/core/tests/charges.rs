//! Laws of what legs are charged: absurd claims, and legs that are cut off while they stand in line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use ecology_core::budget::{Amounts, Resource};
use ecology_core::journey::{Input, Journey, Live, Request};
use ecology_core::leg::{Outcome, Reply, Turn, Usage};
use ecology_core::snapshot::PlanSpec;

/// What a member says of its own use is not to be believed; whatever it is, the sums stay sums.
#[test]
fn a_member_that_claims_absurd_use_breaks_no_sum() {
    let mut spec = common::spec(["a", "b", "c"].map(|name| common::priced(name, 1)).into());
    spec.models
        .iter_mut()
        .for_each(|model| (model.price.per_token_out, model.labels) = (1.0, common::words(&["yes"])));
    spec.default_plan = PlanSpec::Direct { max_fallbacks: 2, model: None };
    common::limit(&mut spec, "acme", "nano_usd", 1_000);
    let live = Arc::new(Live::new());
    let snapshot = common::compile(spec);
    live.adopt(&snapshot);
    for _ in 0..3 {
        let request = Request { account: "acme".into(), ..common::request(Default::default()) };
        let mut journey = Journey::begin(Arc::clone(&snapshot), Arc::clone(&live), request).unwrap();
        let mut effects = Vec::new();
        journey.advance(0, Input::Start, &mut effects);
        for leg in 0..3 {
            let most = Some(u64::MAX);
            let usage = Usage { tokens_in: most, tokens_out: most, compute_ns: u64::MAX };
            let reply = Reply { usage, ..ecology_core::Value::from("no").into() };
            journey.advance(1, Input::LegDone { leg, result: Ok(reply) }, &mut effects);
        }
        assert_eq!(journey.finished(0).unwrap().cost_nano_usd(), u64::MAX);
        let standing = live.accounts.get("acme").unwrap().standing(Resource::NanoUsd);
        assert!(standing.committed <= 1_000 && standing.reserved == 0 && standing.overrun >= Amounts::MAX);
        // Tokens have no limit here, so no claim can use them up.
        assert!(live.accounts.path("acme", None).reserve(Amounts::of(Resource::TokensIn, 1 << 40)).is_ok());
    }
}

/// A leg in line is free if it is cut off before it begins, and only then: whoever takes the turn decides.
#[test]
fn a_leg_that_is_cut_off_pays_only_if_it_began() {
    let mut spec = common::spec(vec![common::priced("a", 1)]);
    spec.models[0].price.per_token_out = 1.0;
    let snapshot = common::compile(spec);
    for (begun, end) in
        [(false, Input::Tick), (true, Input::Tick), (false, Input::Cancel), (true, Input::Cancel)]
    {
        let live = Arc::new(Live::new());
        live.adopt(&snapshot);
        let request = common::request(Default::default());
        let (at_ns, turn) = (request.deadline_ns, Turn::default());
        let mut journey = Journey::begin(Arc::clone(&snapshot), live, request).unwrap();
        journey.advance(0, Input::Start, &mut Vec::new());
        journey.in_line(0, turn.clone());
        assert!(!begun || turn.take());
        journey.advance(at_ns, end, &mut Vec::new());
        assert!(!turn.take(), "it may begin after it was settled");
        let finished = journey.finished(0).unwrap();
        let leg = &finished.legs[0];
        assert!(leg.outcome.is_some_and(Outcome::use_is_unknown));
        assert_eq!(leg.charged != Amounts::default(), begun);
        assert_eq!(leg.usage.compute_ns > 0, begun);
    }
}

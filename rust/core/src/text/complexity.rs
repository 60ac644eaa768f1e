//! From counts to signals, and from signals to `complexity` and `depth`.
//!
//! Before there is an outcome, a router can only judge by how a prompt *looks*. That is an old idea: readability formulas
//! (LIX, Björnsson 1968; Flesch 1948) judge a text by the length of its words and sentences; LiteLLM's complexity router weighs code,
//! reasoning words, technical terms and length (.30, .25, .25, .10); RouteLLM (Ong et al. 2024) learns the same from
//! preferences. Here both scores are a *noisy or* (Pearl 1988, §4.3.2): each kind of evidence i, squashed to eᵢ in [0, 1],
//! could by itself raise the score to its weight wᵢ, and together they give 1 − Π(1 − wᵢ·eᵢ). So more evidence never lowers a
//! score, no sum has to be clipped, and one strong sign is enough.
//!
//! The constants are opinions with a test behind them: the weights keep LiteLLM's order (code and reasoning before
//! technical terms before length); the half-points are where a plain request ends. The table of prompts in the tests must
//! come out in the right third. Nothing here is calibrated, and a decision made from it says so.

use super::chars::Script;
use super::cues::Cue;
use super::signals::{Signal, Signals};
use super::tally::Tally;

/// x / (x + half): 0 at 0, ½ at `half`, towards 1.
fn squash(x: f32, half: f32) -> f32 {
    x / (x + half)
}

/// 1 − Π(1 − weight · evidence).
fn noisy_or(evidence: &[(f32, f32)]) -> f32 {
    1.0 - evidence.iter().map(|(weight, found)| 1.0 - weight * found).product::<f32>()
}

/// Evidence below a fifth is none: rules ask whether a prompt has code or mathematics *at all*.
fn at_least_thin(evidence: f32) -> f32 {
    if evidence < 0.2 { 0.0 } else { evidence }
}

/// The signals of a text of `bytes` bytes, of which `read` were read.
pub(super) fn signals(tally: &Tally, bytes: usize, read: usize) -> Signals {
    let mut signals = Signals::default();
    let mut set = |signal, value: f32| signals.set(signal, value);
    let share = |part: f32, whole: f32| if whole > 0.0 { part / whole } else { 0.0 };

    let (words, sentences) = (tally.words as f32, tally.sentence_ends as f32);
    let word_chars = tally.word_chars as f32;
    let long_word_share = share(tally.long_words as f32, words);
    let lix = share(words, sentences) + 100.0 * long_word_share;
    set(Signal::bytes, bytes as f32);
    set(Signal::truncated, f32::from(u8::from(read < bytes)));
    set(Signal::words, words);
    set(Signal::sentences, sentences);
    set(Signal::lines, tally.lines as f32);
    set(Signal::word_chars_mean, share(word_chars, words));
    set(Signal::long_word_share, long_word_share);
    set(Signal::lix, lix);

    set(Signal::question_marks, tally.question_marks as f32);
    set(Signal::question_words, tally.cue(Cue::Question));

    // One fence, one name that only programs have, or a few joins like `f(` prove code; a word like "function" alone does not.
    let code_words = tally.cue(Cue::Code);
    let code_mark_share = share(tally.code_marks as f32, read as f32);
    let joins = (tally.code_joins as f32 - 1.0).max(0.0);
    let weak_words = (code_words - 1.0).max(0.0);
    let code = at_least_thin(noisy_or(&[
        (0.95, (tally.fences as f32).min(1.0)),
        (0.80, tally.cue(Cue::Program).min(1.0)),
        (0.70, squash(weak_words, 3.0)),
        (0.70, if tally.code_marks > 4 { squash((code_mark_share - 0.03).max(0.0), 0.03) } else { 0.0 }),
        (0.60, squash(joins, 2.0)),
    ]));
    set(Signal::code_fences, tally.fences as f32);
    set(Signal::code_mark_share, code_mark_share);
    set(Signal::code_words, code_words);
    set(Signal::code, code);

    // Numbers or operators alone are no mathematics; with a word for it, or with each other, they are.
    let (numbers, operators) = (tally.numbers as f32, tally.operators as f32);
    let (maths_words, formulas) = (tally.cue(Cue::Maths), tally.formulas as f32);
    let (reasons, deep_reasons) = (tally.cue(Cue::Reason), tally.cue(Cue::Deep));
    let maths = at_least_thin(noisy_or(&[
        (0.85, squash((maths_words - 1.0).max(0.0), 1.0)),
        (0.60, (maths_words * (numbers + operators + formulas)).min(1.0)),
        (0.60, (deep_reasons * (operators + formulas)).min(1.0)),
        (0.80, squash((formulas - 1.0).max(0.0), 3.0)),
        (0.70, if code > 0.5 { 0.0 } else { squash((numbers - 1.0).max(0.0).min(operators), 0.7) }),
    ]));
    set(Signal::digit_share, share(tally.digits as f32, read as f32));
    set(Signal::numbers, numbers);
    set(Signal::operators, operators);
    set(Signal::formulas, formulas);
    set(Signal::maths_words, maths_words);
    set(Signal::maths, maths);

    let constraints = tally.cue(Cue::Constraint);
    let formats = tally.cue(Cue::Format);
    let steps = tally.cue(Cue::Step) + tally.list_items as f32;
    let technical = tally.cue(Cue::Technical);
    set(Signal::constraints, constraints);
    set(Signal::formats, formats);
    set(Signal::steps, steps);
    set(Signal::list_items, tally.list_items as f32);
    set(Signal::reasons, reasons);
    set(Signal::deep_reasons, deep_reasons);
    set(Signal::technical_words, technical);
    for (signal, cue) in [
        (Signal::tools, Cue::Tool),
        (Signal::negations, Cue::Negation),
        (Signal::extractions, Cue::Extract),
        (Signal::classifications, Cue::Classify),
        (Signal::summaries, Cue::Summarize),
        (Signal::translations, Cue::Translate),
        (Signal::creations, Cue::Creative),
        (Signal::greetings, Cue::Greeting),
        (Signal::briefs, Cue::Brief),
    ] {
        set(signal, tally.cue(cue));
    }

    let options = if tally.options > 1 { tally.options as f32 } else { 0.0 };
    set(Signal::options, options);
    // Offsets are of what was read, so the middle that was left out does not count as an option's length.
    set(Signal::option_bytes_mean, share(read.saturating_sub(tally.options_start) as f32, options));
    set(Signal::option_number_share, share(tally.option_numbers as f32, options));

    set(Signal::capital_share, share(tally.capital_letters as f32, word_chars));
    set(Signal::shouting, share(tally.shouted_words as f32, words));
    set(Signal::exclamation_marks, tally.exclamation_marks as f32);
    set(Signal::non_ascii_share, share(tally.non_ascii as f32, word_chars.max(tally.non_ascii as f32)));
    let ascii = tally.word_chars.saturating_sub(tally.scripts.iter().sum());
    let latin = ascii - tally.digits.min(ascii) + tally.scripts[Script::Latin as usize];
    let others = tally.scripts.iter().skip(Script::European as usize).filter(|count| **count > 0).count();
    set(Signal::scripts, (others + usize::from(latin > 0)) as f32);
    for (signal, script) in [
        (Signal::european_share, Script::European),
        (Signal::right_to_left_share, Script::RightToLeft),
        (Signal::indic_share, Script::Indic),
        (Signal::east_asian_share, Script::EastAsian),
    ] {
        set(signal, share(tally.scripts[script as usize] as f32, word_chars));
    }

    // What is left out of a huge prompt still has to be read by the model that answers.
    let whole_words = words * share(bytes as f32, read as f32).max(1.0);
    set(
        Signal::complexity,
        noisy_or(&[
            (0.50, squash(whole_words, 250.0)),
            (0.20, ((lix - 45.0) / 30.0).clamp(0.0, 1.0) * squash(words, 10.0)),
            (0.50, code),
            (0.40, maths),
            (0.40, squash(technical, 1.5)),
            (0.45, squash(reasons, 2.0)),
            (0.55, deep_reasons.min(2.0) / 2.0),
            (0.35, squash(constraints + formats, 3.0)),
            (0.35, squash(steps, 4.0)),
            (0.15, squash((tally.question_marks as f32 - 1.0).max(0.0), 1.0)),
        ]),
    );
    set(
        Signal::depth,
        noisy_or(&[
            (0.80, squash(deep_reasons, 0.7)),
            (0.50, squash(reasons, 1.5)),
            (0.45, maths),
            (0.30, squash(steps, 3.0)),
            (0.20, squash(technical, 1.5)),
            (0.20, squash(options, 4.0)),
            (0.15, squash(constraints, 3.0)),
        ]),
    );
    signals
}

#[cfg(test)]
mod tests {
    use crate::text::FeatureSpec;

    /// Which third of [0, 1] the harder of the two scores falls in.
    fn third(text: &str) -> u8 {
        let signals = FeatureSpec::default().extract(text).signals;
        match signals.complexity().max(signals.depth()) {
            hardness if hardness < 1.0 / 3.0 => 0,
            hardness if hardness < 2.0 / 3.0 => 1,
            _ => 2,
        }
    }

    #[test]
    fn prompts_come_out_in_their_third() {
        for (expected, text) in [
            (0, ""),
            (0, "hi"),
            (0, "what is the capital of France?"),
            (0, "Where is my card? I ordered it two weeks ago."),
            (0, "Translate 'good morning' into French."),
            (0, "set an alarm for 7am"),
            (0, "What is 17 * 23?"),
            (0, "Explain why the sky is blue."),
            (1, "Solve the equation 3x + 5 = 20 for x."),
            (1, "Prove that there are infinitely many primes."),
            (1, "Write a Python function that sorts a list of tuples by the second element."),
            (1, "Compare and contrast TCP and UDP, and recommend one for a multiplayer game."),
            (2, "Prove step by step that 2^n > n for every n."),
            (
                2,
                "Design a distributed rate limiter that must survive the loss of a data centre. Explain the tradeoffs \
                 between consistency and latency, then derive an upper bound on the error. First describe the \
                 architecture, then prove that the budget holds, and finally list the failure modes as JSON.",
            ),
        ] {
            assert_eq!(third(text), expected, "{text}");
        }
    }

    #[test]
    fn what_was_left_out_of_a_huge_prompt_still_counts_as_length() {
        let spec = FeatureSpec { max_bytes: 200, ..FeatureSpec::default() };
        let of = |text: &str| spec.extract(text).signals;
        let (short, long) = (of(&"plain words ".repeat(10)), of(&"plain words ".repeat(1000)));
        assert_eq!((short.get("truncated"), long.get("truncated")), (Some(0.0), Some(1.0)));
        assert!(long.complexity() > short.complexity() + 0.3);
    }
}

//! What kind of work a prompt asks for, by typed rules.

use serde::{Deserialize, Serialize};

use super::Signals;
use super::signals::Signal;

/// A coarse kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskType {
    /// Write, read, repair or explain program code.
    Code,
    /// Compute or prove.
    Maths,
    /// Explain, compare, argue, plan: several steps of thought in prose.
    Reasoning,
    /// Pull facts or fields out of a given text.
    Extraction,
    /// Choose one of given labels or options, or answer yes or no.
    Classification,
    /// Shorten a given text.
    Summarization,
    /// Say a given text in another language.
    Translation,
    /// Write something new: a story, a poem, a slogan, a letter.
    Creative,
    /// Use a tool or fresh data: search, weather, calendar, a call.
    ToolUse,
    /// A short question of fact.
    Question,
    /// Everything else: conversation and requests without a marked form.
    Chat,
}

impl TaskType {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 11] = [
        Self::Code,
        Self::Maths,
        Self::Reasoning,
        Self::Extraction,
        Self::Classification,
        Self::Summarization,
        Self::Translation,
        Self::Creative,
        Self::ToolUse,
        Self::Question,
        Self::Chat,
    ];

    /// The word for it in configuration and logs, the same as serde writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Maths => "maths",
            Self::Reasoning => "reasoning",
            Self::Extraction => "extraction",
            Self::Classification => "classification",
            Self::Summarization => "summarization",
            Self::Translation => "translation",
            Self::Creative => "creative",
            Self::ToolUse => "tool_use",
            Self::Question => "question",
            Self::Chat => "chat",
        }
    }
}

/// What kind of work a prompt with these signals asks for: the first rule that holds.
///
/// The order is the argument. What the *material* shows (fences, formulas, options) outweighs what a verb says, since
/// "write", "find" and "explain" are used of everything; a verb that names its task outweighs words that merely
/// occur; and what is left is a short question or talk. Rules read English; elsewhere only the material speaks.
///
/// ```
/// use ecology_core::text::{FeatureSpec, TaskType, task_type};
/// let kind = |text| task_type(&FeatureSpec::default().extract(text).signals);
/// assert_eq!(kind("Write a haiku about autumn."), TaskType::Creative);
/// assert_eq!(kind("Refactor this function:\n```rust\nfn f() {}\n```"), TaskType::Code);
/// assert_eq!(kind("what is the capital of France?"), TaskType::Question);
/// ```
pub fn task_type(signals: &Signals) -> TaskType {
    let at = |signal| signals.at(signal);
    let has = |signal| at(signal) > 0.0;
    let reasons = at(Signal::deep_reasons) + at(Signal::reasons);
    let rules = [
        (at(Signal::options) >= 3.0 && at(Signal::maths) < 0.5, TaskType::Classification),
        (at(Signal::code) >= 0.5, TaskType::Code),
        (has(Signal::translations), TaskType::Translation),
        (has(Signal::summaries), TaskType::Summarization),
        (at(Signal::maths) >= 0.4, TaskType::Maths),
        (has(Signal::classifications) && !has(Signal::creations), TaskType::Classification),
        (at(Signal::extractions) > at(Signal::creations).max(reasons), TaskType::Extraction),
        (has(Signal::creations) && at(Signal::creations) >= at(Signal::tools), TaskType::Creative),
        (reasons > at(Signal::tools), TaskType::Reasoning),
        (at(Signal::tools) > at(Signal::greetings), TaskType::ToolUse),
        (at(Signal::greetings) > 1.0, TaskType::Chat),
        (has(Signal::question_marks) || has(Signal::question_words), TaskType::Question),
    ];
    rules.into_iter().find(|(holds, _)| *holds).map_or(TaskType::Chat, |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::FeatureSpec;

    #[test]
    fn kinds_of_known_prompts() {
        for (expected, text) in [
            (TaskType::Chat, "hello, how are you today?"),
            (TaskType::Chat, "thanks, that's all"),
            (TaskType::Question, "who was the 3rd president of the united states"),
            (TaskType::Question, "Почему небо голубое?"),
            (TaskType::ToolUse, "what's the weather like in Paris tomorrow"),
            (TaskType::ToolUse, "book a flight from Berlin to Rome"),
            (TaskType::Translation, "Translate 'good morning' into French."),
            (TaskType::Summarization, "Summarize the following article in three sentences: The council met."),
            (TaskType::Creative, "tell me a joke"),
            (TaskType::Classification, "Is this review positive or negative? I loved it."),
            (TaskType::Classification, "Which one is a mammal?\nA. shark\nB. whale\nC. trout\nD. newt"),
            (TaskType::Extraction, "Extract all dates and company names as JSON."),
            (TaskType::Code, "Why does my code throw a segfault?"),
            (TaskType::Code, "Refactor this:\n```c\nint main() {}\n```"),
            (TaskType::Maths, "What is 17 * 23?"),
            (TaskType::Maths, "Tom had 48 clips and sold half as many as Ann. How many are left?"),
            (TaskType::Reasoning, "Compare and contrast TCP and UDP."),
            (TaskType::Reasoning, "Prove that there are infinitely many primes."),
        ] {
            let signals = FeatureSpec::default().extract(text).signals;
            assert_eq!(task_type(&signals), expected, "{text}: {signals:?}");
        }
    }

    #[test]
    fn names_are_what_serde_writes() {
        for kind in TaskType::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.name()));
        }
    }
}

//! What kind of work a prompt asks for, by typed rules.

use serde::{Deserialize, Serialize};

use super::Signals;

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

/// What kind of work a prompt with these signals asks for.
pub fn task_type(_signals: &Signals) -> TaskType {
    TaskType::Chat
}

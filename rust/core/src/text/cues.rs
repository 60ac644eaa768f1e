//! Words and pairs of words that say what a prompt wants.
//!
//! A cue costs one look at a bit set for each word and each pair of words: 4,096 bits that stay in the first-level cache and
//! turn away nine words in ten; the others are looked up by the hash that the n-grams needed anyway. Cues are
//! English, and so are the signals that come from them; in another language the counts, marks, digits and scripts remain.

use std::sync::LazyLock;

use super::hash;

macro_rules! cues {
    ($($(#[doc = $doc:literal])+ $cue:ident: $words:literal)+) => {
        /// What a word hints at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Cue { $($(#[doc = $doc])+ $cue,)+ }
        /// Number of kinds of cue.
        pub(super) const CUES: usize = [$(Cue::$cue),+].len();
        /// Kind and its words, separated by commas.
        const WORDS: [(Cue, &str); CUES] = [$((Cue::$cue, $words)),+];
    };
}

cues! {
    /// A demand on the answer.
    Constraint: "must, should, exactly, precisely, only, at most, at least, no more, no less, fewer than, less than, more than, \
        without using, limit, limited, maximum, minimum, ensure, required, requirement, requirements, constraint, constraints, \
        unless, avoid, within, up to, strictly, do not, don ', make sure, comply, according to, based on, respectively, \
        as follows, following format, include, including, exclude, excluding"
    /// A demand on its form.
    Format: "json, xml, yaml, csv, html, markdown, latex, table, bullet, bullets, schema, format, formatted, template, \
        headings, column, columns, in words, one word, one sentence"
    /// An order of work.
    Step: "first, second, third, then, next, finally, afterwards, lastly, step, steps, and then, after that"
    /// Asked to reason.
    Reason: "why, explain, compare, contrast, analyze, analyse, analysis, evaluate, assess, justify, reason, reasoning, argue, \
        discuss, interpret, infer, implications, implication, consequences, tradeoff, tradeoffs, trade -, pros and, strategy, \
        critique, cause, causes, caused, recommend, difference between, differences between, relationship between, how does, \
        how do, how would, what if, what would, most likely, best explains, best describes, suppose, assume, assuming, given that, \
        therefore, hence, because, plan, design, diagnose, investigate, consider"
    /// Asked to reason far.
    Deep: "prove, proof, derive, derivation, deduce, theorem, lemma, corollary, conjecture, counterexample, induction, contradiction, \
        rigorous, rigorously, formally, step by, by step, think through, think carefully, thought experiment, show that, show your, \
        chain of, from scratch, optimize, optimise, optimal, optimality, complexity, tradeoff analysis, root cause, edge cases, \
        necessary and, if and"
    /// Mathematics.
    Maths: "calculate, compute, solve, equation, equations, integral, integrate, derivative, differentiate, matrix, matrices, vector, \
        probability, polynomial, triangle, circle, radius, perimeter, hypotenuse, fraction, percent, percentage, prime, integer, \
        integers, divisible, remainder, factorial, logarithm, algebra, geometry, calculus, arithmetic, sum of, product of, square root, \
        how many, how much, standard deviation, variance, mean of, average of, ratio, modulo, eigenvalue, eigenvalues, theorem, \
        cosine, sine, tangent, subgroup, homomorphism, isomorphic, abelian, bijection, ring, permutation, permutations, \
        multiplied, divided by, plus, minus, times, average, altogether, in total, half as, twice as, times as, per hour"
    /// Program code.
    Code: "code, function, functions, class, method, def, return, returns, import, const, var, async, await, struct, enum, lambda, \
        python, javascript, typescript, java, rust, golang, kotlin, php, ruby, perl, sql, html, css, bash, shell, regex, regexp, api, \
        debug, bug, bugs, compile, compiler, compiles, exception, traceback, stacktrace, algorithm, script, program, programming, \
        implement, refactor, unittest, unit test, unit tests, recursion, recursive, array, arrays, hashmap, linked list, binary tree, \
        binary search, pointer, null, nullptr, int, printf, println, elif, foreach, query, database, docker, kubernetes, git, commit, \
        github, repository, pull request, library, numpy, pandas, react, node, endpoint, backend, frontend, segfault, variable, \
        snippet, codebase, linter, syntax"
    /// Names of languages and words that occur in nothing but code: one is enough.
    Program: "python, javascript, typescript, golang, kotlin, sql, regex, regexp, traceback, stacktrace, refactor, unittest, unit test, \
        unit tests, nullptr, printf, println, elif, numpy, pandas, segfault, codebase, linter, source code, code snippet, rust function, \
        the code, this code, write code, following code, function that, function to, function called, program that, program to, \
        script that, script to, pull request, linked list, binary tree, sort an"
    /// Terms of a trade that ordinary talk does not use.
    Technical: "architecture, distributed, scalable, scalability, microservice, microservices, neural network, machine learning, \
        deep learning, encryption, authentication, authorization, latency, throughput, benchmark, concurrency, concurrent, parallelism, \
        gpu, protocol, tcp, grpc, orchestration, consensus, replication, cryptography, quantum, thermodynamics, entropy, enzyme, \
        protein, mitochondria, genome, pathophysiology, jurisdiction, plaintiff, defendant, statute, liability, tort, amortization, \
        derivative, equilibrium, elasticity, hypothesis, regression, statistical, bayesian, stochastic, differential, crdt, \
        asymptotic, transformer, gradient, diagnosis, symptoms, pharmacokinetics, catalyst, stoichiometry, electromagnetic"
    /// A tool or fresh data is needed.
    Tool: "search, google, browse, fetch, look up, lookup, today, tonight, tomorrow, right now, currently, latest, weather, forecast, \
        calendar, meeting, appointment, schedule, reminder, remind, alarm, timer, email, call, dial, text message, book a, reserve, \
        reservation, flight, flights, stock price, exchange rate, news, directions, navigate, map, traffic, nearby, near me, \
        order a, play, volume, spotify, uber, download, upload, send a, send an, current price, current time, what time"
    /// Negation.
    Negation: "not, no, never, none, without, neither, nor, cannot, ' t, nothing, nobody, except, isnt, dont, doesnt, cant, wont"
    /// Take something out of a text.
    Extract: "extract, identify, find all, find the, list all, list the, pull out, parse, named entities, entities, fields, highlight, \
        mentioned in, from the, the text, key points, retrieve, locate"
    /// Choose a label or an option.
    Classify: "classify, classification, categorize, categorise, category, categories, label, labels, sentiment, positive or, \
        negative or, yes or, true or, true false, which of, select the, choose the, choose one, multiple choice, following options, \
        rate the, intent, spam, correct answer"
    /// Shorten.
    Summarize: "summarize, summarise, summary, summaries, tl ;, tldr, shorten, condense, abstract of, in short, gist, key takeaways"
    /// Into another language.
    Translate: "translate, translation, translated, into french, into german, into spanish, into english, into italian, into japanese, \
        into chinese, into portuguese, into russian, in french, in german, in spanish, in italian, in japanese, in chinese, \
        to french, to german, to spanish, to english, to italian, to japanese, to chinese"
    /// Write something new.
    Creative: "poem, poems, story, stories, haiku, sonnet, limerick, song, lyrics, novel, fiction, fictional, screenplay, slogan, \
        tagline, imagine, creative, character, dialogue, joke, jokes, brainstorm, blog, essay, letter, speech, write a, write an, \
        compose, rhyme, rhymes, roleplay, pretend, fairy tale, name for, names for, invent"
    /// Polite talk.
    Greeting: "hi, hello, hey, thanks, thank you, bye, goodbye, good morning, good evening, good night, how are, nice to, please, \
        sorry, okay, cheers, lol"
    /// Opens a question.
    Question: "what, who, when, where, which, whose, whom, how, is there, are there, can you, could you, do you, does, did"
    /// Asked for little.
    Brief: "briefly, brief, short, quick, quickly, simple, simply, in one, one line, one word, define, definition, what is, \
        what ', who is, who was, when did, when was, when is, where is, where was, how old, how far, how tall"
}

const SLOTS: usize = 2048;
const FILTER_BITS: usize = 4096;

/// Every cue by hash.
pub(super) struct Lexicon {
    filter: [u64; FILTER_BITS / 64],
    slots: Vec<(u64, u32)>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    /// The one lexicon; building it takes about 20 µs, once in a process.
    pub(super) fn shared() -> &'static Self {
        &LEXICON
    }

    fn build() -> Self {
        let mut lexicon = Self { filter: [0; FILTER_BITS / 64], slots: vec![(0, 0); SLOTS] };
        for (cue, words) in WORDS {
            for entry in words.split(',') {
                let mut tokens = entry.split_whitespace().map(|token| hash::word(token.as_bytes()));
                let Some(first) = tokens.next() else { continue };
                lexicon.insert(tokens.fold(first, hash::extend), 1 << cue as u32);
            }
        }
        lexicon
    }

    fn insert(&mut self, key: u64, mask: u32) {
        let bit = Self::bit(key);
        self.filter[bit / 64] |= 1 << (bit % 64);
        let mut at = key as usize % SLOTS;
        while self.slots[at].1 != 0 && self.slots[at].0 != key {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = (key, self.slots[at].1 | mask);
    }

    fn bit(key: u64) -> usize {
        (key >> 52) as usize
    }

    /// Bits of the cues that a word or pair of words is, 0 for most.
    #[inline]
    pub(super) fn look_up(&self, key: u64) -> u32 {
        let bit = Self::bit(key);
        if self.filter[bit / 64] >> (bit % 64) & 1 == 0 { 0 } else { self.probe(key) }
    }

    fn probe(&self, key: u64) -> u32 {
        let mut at = key as usize % SLOTS;
        while self.slots[at].1 != 0 {
            if self.slots[at].0 == key {
                return self.slots[at].1;
            }
            at = (at + 1) % SLOTS;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cue_is_found_and_other_words_are_not() {
        let lexicon = Lexicon::build();
        for (cue, words) in WORDS {
            for entry in words.split(',').map(str::trim) {
                let tokens: Vec<u64> = entry.split(' ').map(|token| hash::word(token.as_bytes())).collect();
                assert!((1..=2).contains(&tokens.len()), "{entry:?} is neither a word nor a pair");
                let key = tokens[1..].iter().fold(tokens[0], |gram, token| hash::extend(gram, *token));
                assert_ne!(lexicon.look_up(key) & (1 << cue as u32), 0, "{entry:?} as {cue:?}");
            }
        }
        for word in ["cat", "blue", "kitchen", "of", "the", "zzz"] {
            assert_eq!(lexicon.look_up(hash::word(word.as_bytes())), 0, "{word}");
        }
    }

    #[test]
    fn the_table_stays_half_empty_and_the_filter_turns_most_words_away() {
        let lexicon = Lexicon::build();
        assert!(lexicon.slots.iter().filter(|slot| slot.1 != 0).count() < SLOTS / 2);
        let set: u32 = lexicon.filter.iter().map(|bits| bits.count_ones()).sum();
        assert!((set as usize) < FILTER_BITS / 5, "{set} bits");
    }
}
